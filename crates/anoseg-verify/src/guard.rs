//! Panics of engines become errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use anoseg_image::text;

/// What the names of the built-in engine's threads begin with.
const ENGINE_THREADS: &str = "rten-";

thread_local! {
    /// Whether this thread is inside [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Turns a panic of an engine into an error with its message, which is not printed.
///
/// A file that makes an engine panic must not end the program. Only the result leaves the call, and an engine
/// that panicked is not used again.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            // A thread that ends has no flag any more; then nothing is guarded either.
            let guarded = GUARDED.try_with(Cell::get).unwrap_or(false);
            let of_engine =
                std::thread::current().name().is_some_and(|name| name.starts_with(ENGINE_THREADS));
            if !guarded && !of_engine {
                before(info);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.unwrap_or_else(|panic| Err(message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> String {
    text::of_panic(panic)
        .map_or_else(|| "it failed without a message".to_owned(), |text| format!("it failed ({text})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        assert_eq!(guarded::<()>(|| panic!("shape {}", 3)), Err("it failed (shape 3)".to_owned()));
        assert_eq!(guarded::<()>(|| panic!("shape")), Err("it failed (shape)".to_owned()));
        assert!(!GUARDED.get());
        assert_eq!(guarded(|| Ok(GUARDED.get())), Ok(true));
    }
}
