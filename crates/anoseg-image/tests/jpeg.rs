//! Layouts and kinds of JPEG beyond those that every camera writes.

// The lint's exception for tests does not reach their helper functions.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::{Image, ImageError, Limits, decode};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg").join(name)).unwrap()
}

fn load(bytes: &[u8]) -> Result<Image, ImageError> {
    decode::load_bytes(bytes, Path::new("some/file"), &Limits::default())
}

/// Largest difference in grey levels of 0..=255.
fn difference(a: &Image, b: &Image) -> f32 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    a.as_slice().iter().zip(b.as_slice()).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs() * 255.0))
}

#[test]
fn jpeg_noninterleaved() {
    let reference = load(&fixture("420.png")).unwrap();
    assert_eq!(difference(&load(&fixture("three_420.jpg")).unwrap(), &reference), 0.0, "as libjpeg-turbo");
    for sampling in ["420", "440", "422"] {
        let one = load(&fixture(&format!("one_{sampling}.jpg"))).unwrap();
        for scans in ["two", "three"] {
            let several = load(&fixture(&format!("{scans}_{sampling}.jpg"))).unwrap();
            let found = difference(&several, &one);
            assert!(found < 4.5, "{scans} scans, {sampling}: {found}");
        }
    }
}

/// The bytes up to `length` with an end marker behind.
fn closed(bytes: &[u8], length: usize) -> Vec<u8> {
    [&bytes[..length], &[0xFF, 0xD9]].concat()
}

#[test]
fn jpeg_progressive_cut() {
    for name in ["progressive.jpg", "three_420.jpg", "two_440.jpg", "one_422.jpg"] {
        let bytes = fixture(name);
        let whole = load(&bytes).unwrap();
        for length in 2..bytes.len() {
            match load(&closed(&bytes, length)) {
                Err(ImageError::Damaged { .. }) => {}
                Err(error) => panic!("{name} cut at {length}: {error}"),
                // The end marker alone may be missing.
                Ok(image) => assert!(length >= bytes.len() - 2 && image == whole, "{name} cut at {length}"),
            }
        }
    }
}

#[test]
fn a_progressive_jpeg_without_its_last_scans_is_damaged() {
    let bytes = fixture("progressive.jpg");
    let scans: Vec<usize> =
        (0..bytes.len() - 1).filter(|&at| bytes[at..].starts_with(&[0xFF, 0xDA])).collect();
    assert!(scans.len() > 5);
    for &at in &scans {
        let error = load(&closed(&bytes, at)).unwrap_err();
        assert!(matches!(error, ImageError::Damaged { .. }), "{error}");
    }
}

#[test]
fn jpeg_wrong_blame() {
    for (name, kind) in
        [("twelve_bits.jpg", "12 bits"), ("lossless.jpg", "lossless JPEG"), ("jpeg_ls.jls", "JPEG-LS")]
    {
        let error = load(&fixture(name)).unwrap_err();
        assert!(matches!(error, ImageError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(kind), "{error}");
    }
    // Other coding processes, by their frame markers.
    let bytes = fixture("one_420.jpg");
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap() + 1;
    for (marker, kind) in
        [(0xC9, "arithmetic"), (0xCA, "arithmetic"), (0xC5, "hierarchical"), (0xF7, "JPEG-LS")]
    {
        let mut other = bytes.clone();
        other[frame] = marker;
        let error = load(&other).unwrap_err();
        assert!(matches!(error, ImageError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(kind), "{error}");
    }
}

#[test]
fn a_webcam_frame_without_tables_is_read_by_the_standard_ones() {
    let whole = load(&fixture("one_420.jpg")).unwrap();
    assert!(difference(&load(&fixture("no_tables.jpg")).unwrap(), &whole) < 1e-4);
}

#[test]
fn stray_bytes_that_libjpeg_skips_are_skipped() {
    let bytes = fixture("one_420.jpg");
    let whole = load(&bytes).unwrap();
    let tables = bytes.windows(2).position(|pair| pair == [0xFF, 0xDB]).unwrap();
    let end = bytes.len() - 2;
    for (name, at, stray) in [
        ("between segments", tables, &[0, 1, 2][..]),
        ("behind the start", 2, &[0, 1, 2]),
        ("fill bytes", tables, &[0xFF; 9]),
        ("padding before the end", end, &[0; 40]),
        ("noise before the end", end, &[7, 1, 3]),
        ("another image behind the end", end + 2, &bytes),
    ] {
        let stuffed = [&bytes[..at], stray, &bytes[at..]].concat();
        assert_eq!(load(&stuffed).unwrap(), whole, "{name}");
    }
}

#[test]
fn a_jpeg_that_is_filled_up_with_zeros_is_damaged() {
    for name in ["one_420.jpg", "three_420.jpg", "progressive.jpg"] {
        let bytes = fixture(name);
        for length in (bytes.len() / 3..bytes.len()).step_by(7) {
            let filled = [&bytes[..length], &[0; 20_000]].concat();
            // With the end marker the file is whole.
            match load(&filled) {
                Ok(_) => assert_eq!(length, bytes.len(), "{name} at {length}"),
                Err(error) => assert!(matches!(error, ImageError::Damaged { .. }), "{error}"),
            }
        }
    }
}

#[test]
fn restart_markers_in_the_wrong_place_are_damage() {
    let bytes = fixture("three_420.jpg");
    let marker = bytes.windows(2).position(|pair| pair == [0xFF, 0xD1]).unwrap();
    let mut wrong = bytes.clone();
    wrong[marker + 1] = 0xD3;
    let without = [&bytes[..marker], &bytes[marker + 2..]].concat();
    for damaged in [wrong, without] {
        assert!(matches!(load(&damaged).unwrap_err(), ImageError::Damaged { .. }));
    }
}
