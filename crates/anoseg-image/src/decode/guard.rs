//! Panics of decoders become errors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::error::Fault;

thread_local! {
    /// Whether this thread is inside [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Turns a panic of a decoder into an error, without a message on the terminal.
///
/// A bug of a third-party decoder must not end a batch or a server. Only the result leaves the
/// call, so no half-changed state is observable afterwards.
///
/// The program's panic hook would print a message with a backtrace before the panic is caught. So
/// the first call puts a hook before it, once per process, that stays silent for threads inside a
/// guard and passes everything else on.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            // A thread that ends has no flag any more; then nothing is guarded either.
            if !GUARDED.try_with(Cell::get).unwrap_or(false) {
                before(info);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    // Whether the file or its decoder is at fault is not known.
    result.unwrap_or_else(|_| Err(Fault::unsupported("its decoder cannot handle its content")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_is_silent_and_one_outside_is_not() {
        assert!(!GUARDED.get());
        let caught = guarded::<()>(|| {
            assert!(guarded::<()>(|| panic!("within")).is_err());
            assert!(GUARDED.get(), "still inside the outer guard");
            panic!("inside");
        });
        assert!(matches!(caught, Err(Fault::Unsupported(..))));
        assert!(!GUARDED.get(), "the next panic of this thread is reported");
        assert_eq!(guarded(|| Ok(GUARDED.get())).ok(), Some(true));
        assert!(!GUARDED.get());
    }
}
