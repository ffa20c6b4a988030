//! The memory allocator that suits training.

/// Allocator of programs that train: as fast as memory can be had on several threads.
pub use mimalloc::MiMalloc as Allocator;

/// `mi_option_purge_delay` of mimalloc's `mi_option_t`.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Tells [`Allocator`] to keep freed memory for the next use instead of handing it back to the system.
///
/// A training step frees and asks for the same hundreds of megabytes again; getting them from the system anew, page
/// by page and cleared, takes a fifth of the step.
pub fn keep_freed_memory() {
    // SAFETY: sets a number that the allocator reads; it may be called at any time, from any thread.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}
