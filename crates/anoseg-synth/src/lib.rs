//! Synthetic anomalies on pictures of good parts, and made-up parts to try the program on.

pub mod demo;
