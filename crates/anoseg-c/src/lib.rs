//! The C interface of anoseg: load a model, inspect images in the memory of the caller, read the results.
//!
//! The header is `include/anoseg.h`. Names of functions begin with `anoseg_v1_`: a later interface that
//! differs gets functions of its own beside these, so that programs that were linked with one version run
//! with every later one. [docs/c.md](https://github.com/anoseg/anoseg) shows its use from C, C++ and C#.
//!
//! | module | what |
//! |---|---|
//! | [`status`] | what every function returns, and the last error of a thread |
//! | [`model`] | models: load, describe, free |
//! | [`image`] | an image in the memory of the caller |
//! | [`inspection`] | inspect an image, read the result, free it |
//!
//! **Rules of every function.** A handle is made by one function and freed by one other. All functions may be
//! called from several threads at a time, with the same model, too; a handle must not be freed while another
//! thread uses it. No panic crosses the border: a fault of this library is the status `ANOSEG_BUG`. Pointers
//! that must not be null are checked. Where a function fails, what it would have written stays as it was.
#![allow(non_camel_case_types, reason = "types are named as C has them")]

pub mod image;
pub mod inspection;
pub mod model;
pub mod status;
