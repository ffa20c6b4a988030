//! What functions return, and the last error of a thread.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use anoseg::{Error, ErrorKind};

/// Whether a function did what it was asked to, or who can mend it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum anoseg_status {
    /// It did.
    ANOSEG_OK = 0,
    /// An argument is null, out of range, or does not fit the model.
    ANOSEG_ARGUMENT = 1,
    /// The image is bad: damaged, too large, no image.
    ANOSEG_IMAGE = 2,
    /// The model file is bad.
    ANOSEG_MODEL = 3,
    /// A file could not be read, the system gave no memory or threads.
    ANOSEG_ENVIRONMENT = 4,
    /// A fault of this library.
    ANOSEG_BUG = 5,
}

/// Why a call failed: its status, and a message for people.
pub(crate) struct Failure(anoseg_status, String);

impl Failure {
    /// An argument is wrong.
    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self(anoseg_status::ANOSEG_ARGUMENT, message.into())
    }

    /// An argument is null.
    pub(crate) fn null(name: &str) -> Self {
        Self::argument(format!("{name} is NULL"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Data => anoseg_status::ANOSEG_IMAGE,
            ErrorKind::Arguments => anoseg_status::ANOSEG_ARGUMENT,
            ErrorKind::Model => anoseg_status::ANOSEG_MODEL,
            ErrorKind::Environment => anoseg_status::ANOSEG_ENVIRONMENT,
            _ => anoseg_status::ANOSEG_BUG,
        };
        Self(status, error.to_string())
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs the work of a function: a failure or a panic becomes its status, and the message that
/// [`anoseg_v1_last_error`] gives.
pub(crate) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> anoseg_status {
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)));
    match done {
        Ok(()) => anoseg_status::ANOSEG_OK,
        Err(Failure(status, message)) => {
            let text = text(message);
            // A thread that ends has no message any more, and nobody who would read it.
            _ = LAST.try_with(|last| last.replace(text));
            status
        }
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Failure {
    let text = anoseg_image::text::of_panic(payload).unwrap_or("no text");
    Failure(anoseg_status::ANOSEG_BUG, format!("a fault of anoseg; please report it: {text}"))
}

/// A text for C, which ends at its first byte of 0.
pub(crate) fn text(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    bytes.retain(|&byte| byte != 0);
    CString::new(bytes).unwrap_or_default()
}

/// The message of the last call that failed in this thread, UTF-8; empty before the first. It is valid until the
/// next call of this library in this thread.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_v1_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// The version of the library, such as "0.1.0". It is valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn anoseg_v1_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}
