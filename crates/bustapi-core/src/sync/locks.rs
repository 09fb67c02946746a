//! Locks and how threads wait with them: loom's own where it explores what they guard.

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(loom)]
pub use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Lock, whether or not a thread has panicked with the lock.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wait while it is so, however long that is.
pub fn wait_while<'a, T>(
    on: &Condvar,
    mut guard: MutexGuard<'a, T>,
    is_so: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    while is_so(&guard) {
        guard = on.wait(guard).unwrap_or_else(PoisonError::into_inner);
    }
    guard
}

/// Wait while it is so, but for a limited time; `mutex` is the one that `guard` is of.
#[cfg(not(loom))]
pub fn wait_while_within<'a, T>(
    on: &Condvar,
    _mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    time: Duration,
    is_so: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    on.wait_timeout_while(guard, time, |value| is_so(value))
        .unwrap_or_else(PoisonError::into_inner)
        .0
}

/// The same under loom, where a limited time is any time at all, but for the longest. It
/// does not yield: loom would have all others go as far as they can.
#[cfg(loom)]
pub fn wait_while_within<'a, T>(
    on: &Condvar,
    mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    time: Duration,
    is_so: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    if time == Duration::MAX {
        return wait_while(on, guard, is_so);
    }
    if !is_so(&guard) {
        return guard;
    }
    drop(guard);
    lock(mutex)
}
