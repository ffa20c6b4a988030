//! Memory for results.

use std::mem::MaybeUninit;

/// A vector of `len` numbers that `write` has written. Clearing the memory first would take as long
/// as some operators.
///
/// # Safety
/// `write` must write every number.
pub(crate) unsafe fn written(len: usize, write: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    let numbers = &mut values.spare_capacity_mut()[..len];
    if cfg!(debug_assertions) {
        // A number that was not written shows up in the tests.
        numbers.fill(MaybeUninit::new(f32::NAN));
    }
    write(numbers);
    // SAFETY: there is room for `len` numbers, and the caller's `write` has written them.
    unsafe { values.set_len(len) };
    values
}

/// Memory that holds numbers already, for operators that write to memory of either kind. They must
/// write numbers only.
pub(crate) fn initialised(values: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: both types have one layout, and no operator of this crate writes anything but
    // numbers.
    unsafe { &mut *(std::ptr::from_mut(values) as *mut [MaybeUninit<f32>]) }
}
