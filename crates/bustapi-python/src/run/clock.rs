//! What a thread has used so far: time on a processor, and how often it gave it up.

use std::time::Duration;

/// A reading of the thread that takes it.
#[derive(Clone, Copy, Debug)]
pub struct ThreadClock {
    processor: Duration,
    waits: u64,
}

/// What a call has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Time on a processor.
    pub processor: Duration,
    /// How often the thread gave the processor up because it had to wait. A thread that
    /// was only displaced by others has not waited, however long it took.
    pub waits: u64,
}

impl ThreadClock {
    pub fn read() -> Self {
        let usage = usage(WHO);
        let processor = duration(usage.ru_utime) + duration(usage.ru_stime);
        Self {
            processor,
            waits: u64::try_from(usage.ru_nvcsw).unwrap_or_default(),
        }
    }

    /// Return what was used since the reading.
    pub fn elapsed(self) -> Effort {
        let now = Self::read();
        Effort {
            processor: now.processor.saturating_sub(self.processor),
            waits: now.waits.saturating_sub(self.waits),
        }
    }
}

/// Return the processor time of the whole process.
pub fn process_time() -> Duration {
    let usage = usage(libc::RUSAGE_SELF);
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const WHO: libc::c_int = libc::RUSAGE_THREAD;
// Elsewhere there is only the whole process, which makes waits look shorter than they are.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const WHO: libc::c_int = libc::RUSAGE_SELF;

fn usage(who: libc::c_int) -> libc::rusage {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the structure is a valid place to write to and consists of integers, for
    // which zeros are valid should the call fail.
    unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let microseconds = u64::try_from(time.tv_usec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(microseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_a_wait() {
        let clock = ThreadClock::read();

        std::thread::sleep(Duration::from_millis(2));

        assert!(clock.elapsed().waits >= 1);
        assert!(clock.elapsed().processor < Duration::from_millis(2));
    }

    #[test]
    fn computing_is_time_on_a_processor() {
        let clock = ThreadClock::read();

        while clock.elapsed().processor < Duration::from_millis(2) {
            std::hint::spin_loop();
        }

        assert!(clock.elapsed().processor >= Duration::from_millis(2));
    }
}
