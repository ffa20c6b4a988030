//! The functions that a page calls.
//!
//! A page reserves memory with [`anoseg_input`], writes bytes there, and calls one of [`anoseg_load`],
//! [`anoseg_inspect_file`] and [`anoseg_inspect_pixels`]. These return 1, or 0 after an error, and
//! [`anoseg_output`] says where the reply lies: number [`TEXT`] is JSON or the error's message. Addresses
//! are valid until the next call. After a trap the module must be dropped; [`anoseg_panic`] says why.
#![expect(unsafe_code, reason = "exported names count as unsafe; there is no unsafe block")]

use std::cell::RefCell;
use std::sync::{Mutex, Once, PoisonError};

use crate::Session;

/// Input: the bytes of a file or of pixels.
pub const BYTES: u32 = 0;
/// Input: the file's name, UTF-8.
pub const NAME: u32 = 1;

/// Output: JSON, or the message of an error, UTF-8.
pub const TEXT: u32 = 0;
/// Output: the image, RGBA.
pub const IMAGE: u32 = 1;
/// Output: the anomaly map in colour, RGBA.
pub const HEAT: u32 = 2;
/// Output: the outlines of the regions, RGBA.
pub const OUTLINE: u32 = 3;
/// Output: the pixels of the regions, one byte each.
pub const MASK: u32 = 4;

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
    static INPUT: RefCell<[Vec<u8>; 2]> = RefCell::default();
}

/// Why the module panicked. Outside the session, which is still borrowed after a panic.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// The address of a buffer of `length` bytes for input `which`, [`BYTES`] or [`NAME`]; null for another number.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_input(which: u32, length: u32) -> *mut u8 {
    keep_panics();
    INPUT.with_borrow_mut(|input| match input.get_mut(which as usize) {
        Some(buffer) => {
            *buffer = vec![0; length as usize];
            buffer.as_mut_ptr()
        }
        None => std::ptr::null_mut(),
    })
}

/// Loads the model file that lies in the input.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_load() -> u32 {
    call(|session, bytes, name| session.load(bytes, name))
}

/// Inspects the image file that lies in the input.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_inspect_file() -> u32 {
    call(|session, bytes, name| session.inspect_file(bytes, name))
}

/// Inspects the pixels that lie in the input, RGBA, `height` rows of `width`.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_inspect_pixels(width: u32, height: u32) -> u32 {
    let size = (width as usize, height as usize);
    call(|session, bytes, name| session.inspect_pixels(bytes, size, name))
}

/// Where output `which` lies.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_output(which: u32) -> *const u8 {
    output(which, <[u8]>::as_ptr)
}

/// Bytes of output `which`; 0 for one that there is not.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_output_length(which: u32) -> usize {
    output(which, <[u8]>::len)
}

/// Where the message of the panic lies that ended the module.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_panic() -> *const u8 {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).as_ptr()
}

/// Bytes of [`anoseg_panic`]; 0 if there was none, as where memory ran out.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_panic_length() -> usize {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// Runs `work` on the session, with bytes and name of the input, which it frees.
fn call(work: impl FnOnce(&mut Session, &[u8], &str) -> Result<(), String>) -> u32 {
    let [bytes, name] = INPUT.take();
    SESSION.with_borrow_mut(|session| match work(session, &bytes, &String::from_utf8_lossy(&name)) {
        Ok(()) => 1,
        Err(message) => {
            session.text = message;
            0
        }
    })
}

fn output<T>(which: u32, of: impl FnOnce(&[u8]) -> T) -> T {
    SESSION.with_borrow(|session| {
        of(match which {
            TEXT => session.text.as_bytes(),
            IMAGE => &session.image,
            HEAT => &session.heat,
            OUTLINE => &session.outline,
            MASK => &session.mask,
            _ => &[],
        })
    })
}

/// Keeps the message of a panic: this target has no standard error.
fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
        }));
    });
}
