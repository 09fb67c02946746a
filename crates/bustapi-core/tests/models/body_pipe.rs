//! A pipe of a request's body: the loop pushes, a view pulls, the client may leave.

use bustapi_core::sync::body_pipe::{BodyPipe, End, Pulled};
use loom::sync::Arc;
use loom::thread;

use crate::desk::Desk;

/// A pipe that tells the loop through its mailbox.
fn pipe() -> (Arc<BodyPipe>, Arc<Desk<()>>) {
    let desk = Arc::new(Desk::default());
    let theirs = desk.clone();
    let notify = move || theirs.mailbox.post(());
    (Arc::new(BodyPipe::new(Box::new(notify), None)), desk)
}

/// Read to the end, as a view does.
fn read_all(pipe: &BodyPipe) -> (Vec<u8>, End) {
    let mut body = Vec::new();
    loop {
        match pipe.pull(&mut body) {
            Pulled::Bytes => {}
            Pulled::End(end) => return (body, end),
            Pulled::Nothing => panic!("it waits for as long as it takes"),
        }
    }
}

#[test]
fn a_body_comes_out_whole_however_little_room_there_is() {
    loom::model(|| {
        let (pipe, desk) = pipe();
        let view = {
            let pipe = pipe.clone();
            thread::spawn(move || read_all(&pipe))
        };

        // A client that waits for "100 Continue" sends nothing before the view wants it.
        while !pipe.is_wanted() {
            desk.wait();
        }
        for (piece, end) in [(&b"ab"[..], None), (b"c", Some(End::Whole))] {
            while !pipe.has_room() {
                desk.wait();
            }
            let _may_go_on = pipe.push(piece, end);
        }

        let (body, end) = view.join().expect("the view does not panic");
        assert_eq!((&*body, end), (&b"abc"[..], End::Whole));
    });
}

#[test]
fn a_client_that_leaves_ends_the_waiting_of_its_view() {
    loom::model(|| {
        let (pipe, _desk) = pipe();
        let view = {
            let pipe = pipe.clone();
            thread::spawn(move || read_all(&pipe))
        };

        let _may_go_on = pipe.push(b"a", None);
        pipe.finish(End::Broken);

        let (body, end) = view.join().expect("the view does not panic");
        assert_eq!((&*body, end), (&b"a"[..], End::Broken));
    });
}

#[test]
fn the_first_end_counts_whoever_comes_with_another() {
    loom::model(|| {
        let (pipe, _desk) = pipe();
        let loop_thread = {
            let pipe = pipe.clone();
            thread::spawn(move || {
                let _may_go_on = pipe.push(b"a", Some(End::Whole));
                pipe.finish(End::Broken);
            })
        };

        let (body, end) = read_all(&pipe);

        assert_eq!((&*body, end), (&b"a"[..], End::Whole));
        assert!(pipe.is_whole());
        loop_thread.join().expect("the loop does not panic");
    });
}
