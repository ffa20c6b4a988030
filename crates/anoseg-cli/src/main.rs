//! The anoseg program.
fn main() {}
