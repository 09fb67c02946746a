//! The word that says who still wants what of a request.

use bustapi_core::sync::request_state::RequestState;
use loom::sync::Arc;
use loom::thread;

#[test]
fn two_threads_never_start_the_same_request() {
    loom::model(|| {
        let state = Arc::new(RequestState::new());
        let other = {
            let state = state.clone();
            thread::spawn(move || state.start())
        };

        let mine = state.start();

        assert!(mine ^ other.join().expect("the other thread does not panic"));
    });
}

#[test]
fn either_the_loop_gets_the_answer_or_the_thread_learns_that_nobody_wants_it() {
    loom::model(|| {
        let state = Arc::new(RequestState::new());
        let thread = {
            let state = state.clone();
            thread::spawn(move || (state.start(), state.finish()))
        };

        let is_abandoned = state.abandon();

        let (is_started, is_wanted) = thread.join().expect("the thread does not panic");
        assert!(is_abandoned ^ is_wanted);
        assert!(is_started || is_abandoned);
        assert_eq!(state.is_gone(), is_abandoned);
    });
}
