//! Memory of programs that train and whose global allocator is mimalloc.
//!
//! This crate sets no allocator. The setting is here because it takes `unsafe`, which only this
//! crate may use.

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// `mi_option_purge_delay`, which `libmimalloc-sys` has no name for; a test checks the number
/// against mimalloc's own name.
const PURGE_DELAY: mi_option_t = 15;

/// Freed memory is kept for the next use from here on, in place of being returned to the system.
///
/// A training step frees hundreds of megabytes and asks for them again: returning them takes a
/// quarter of the time. It has no effect where the allocator is not mimalloc.
pub fn keep_freed_memory() {
    // SAFETY: stores a number in a table of the allocator, atomically; the number is that of an
    // option, and -1 is one of its values.
    unsafe { mi_option_set(PURGE_DELAY, -1) };
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// mimalloc reads its options by name from the environment, once.
    const NAME: &str = "MIMALLOC_PURGE_DELAY";

    fn purge_delay() -> std::ffi::c_long {
        // SAFETY: reads a number of the allocator.
        unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }
    }

    #[test]
    fn the_number_is_that_of_the_option() {
        if let Ok(wanted) = std::env::var(NAME) {
            assert_eq!(purge_delay().to_string(), wanted);
            keep_freed_memory();
            assert_eq!(purge_delay(), -1);
            return;
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "memory::tests::the_number_is_that_of_the_option"]).env(NAME, "4321");
        let output = child.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }
}
