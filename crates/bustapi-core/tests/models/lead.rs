//! Who owns the loop, in every order that a leader, a watcher and a spare can take.

use std::time::Duration;

use bustapi_core::sync::lead::{Lead, Standing};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

const TICK: Duration = Duration::from_millis(2);

/// The loop: leading it twice at a time would be seen, and how often it was led.
#[derive(Debug, Default)]
struct Loop {
    turns: usize,
}

struct Leading {
    lead: Lead<Loop>,
    leaders: AtomicUsize,
    displaced: AtomicUsize,
    /// Requests that are to run before the end.
    requests: usize,
}

impl Leading {
    fn new(requests: usize) -> Arc<Self> {
        Arc::new(Self {
            lead: Lead::new(Loop::default()),
            leaders: AtomicUsize::new(0),
            displaced: AtomicUsize::new(0),
            requests,
        })
    }

    fn own(&self) {
        assert_eq!(self.leaders.fetch_add(1, Ordering::Relaxed), 0);
    }

    fn disown(&self) {
        assert_eq!(self.leaders.fetch_sub(1, Ordering::Relaxed), 1);
    }

    /// Stand by, watch and lead, until dismissed: what each hot thread does.
    fn run(&self, resigns: bool) {
        while self.lead.stand_by() == Standing::Watcher {
            let taken = loop {
                let Some(loan) = self.lead.watch(TICK) else {
                    return;
                };
                if let Some(taken) = self.lead.take(loan) {
                    break taken;
                }
            };
            self.lead_on(taken, resigns);
        }
    }

    /// Lend the loop for each request, until all have run or another thread leads.
    fn lead_on(&self, mut owned: Loop, resigns: bool) {
        self.own();
        while owned.turns < self.requests {
            owned.turns += 1;
            self.disown();
            let loan = match self.lead.lend(owned) {
                Ok(loan) => loan,
                Err(returned) => {
                    self.own();
                    owned = returned;
                    continue;
                }
            };
            if resigns {
                self.lead.resign(loan);
            }
            match self.lead.recover(loan) {
                Some(recovered) => {
                    assert!(!resigns, "what is resigned is not recovered");
                    self.own();
                    owned = recovered;
                }
                None => {
                    self.displaced.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
        }
        self.disown();
        self.lead.end();
    }
}

/// Let so many hot threads lead together; each returns, or loom reports who waits for ever.
fn lead_together(threads: usize, requests: usize, resigns: bool) {
    let leading = Leading::new(requests);
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let leading = leading.clone();
            thread::spawn(move || leading.run(resigns))
        })
        .collect();
    leading.run(resigns);
    for other in others {
        other.join().expect("it does not panic");
    }
    assert_eq!(leading.leaders.load(Ordering::Relaxed), 0);
    assert_eq!(leading.lead.stand_by(), Standing::Dismissed);
}

#[test]
fn one_thread_leads_at_a_time_and_each_ends() {
    loom::model(|| lead_together(2, 1, false));
}
