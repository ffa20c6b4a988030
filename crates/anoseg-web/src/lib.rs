//! Inference in a browser: a WebAssembly module without imports, so that nothing can leave the page.
//!
//! [`Session`] holds a model and the results of the newest image. [`exports`] are the functions that a
//! page calls; `web/worker.js` does so. The interface is plain numbers and bytes: a generator of bindings
//! would have to be installed in the one version that fits, and the page needs eight functions.

pub mod exports;
mod session;

pub use session::{MOST_PIXELS, Session};
