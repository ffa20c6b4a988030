//! A model and an image.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};

/// Files of the first format, which the inference crate keeps.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1").join(name)
}

/// The model of these tests.
pub(crate) fn model() -> anoseg::Model {
    anoseg::Model::load(&fixture("compact.anoseg")).unwrap()
}

/// Red, green and blue of an image of so many pixels.
pub(crate) fn pixels(width: usize, height: usize) -> Vec<u8> {
    let pixel = |i: usize| [(i * 7 % 251) as u8, (i / width * 5 % 256) as u8, (i % width * 3 % 256) as u8];
    (0..width * height).flat_map(pixel).collect()
}
