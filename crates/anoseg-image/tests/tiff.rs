//! Layouts of TIFF, against the scene that the fixtures were made from.

// The lint's exception for tests does not reach their helper functions.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use anoseg_image::decode::load_bytes;
use anoseg_image::{Decoded, ImageError, Limits, SampleType};

fn load(name: &str) -> Result<Decoded, ImageError> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiff").join(format!("{name}.tif"));
    Decoded::load(&path, &Limits::default())
}

/// Largest difference from the scene in grey levels; from its luma for grey files.
fn difference(decoded: &Decoded) -> f32 {
    let image = &decoded.image;
    assert_eq!((image.width(), image.height()), (16, 12));
    let pixels = (0..12).flat_map(|y| (0..16).map(move |x| (x, y)));
    pixels.fold(0.0, |largest, (x, y)| {
        let rgb: [f32; 3] = match (x >= 8, y >= 8) {
            (true, _) => [200.0, 60.0, 30.0],
            (false, true) => [240.0; 3],
            (false, false) => [40.0, 80.0, 160.0],
        };
        let luma = (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]).round();
        let expected = if decoded.grey { [luma; 3] } else { rgb };
        let got = image.get(x, y);
        (0..3).fold(largest, |largest: f32, c| largest.max((got[c] * 255.0 - expected[c]).abs()))
    })
}

#[test]
fn tiff_called_damaged() {
    for name in ["tiled_lzw", "tiled_planes", "tiled_planes_lzw", "strips_deflate", "packbits"] {
        let found = difference(&load(name).unwrap());
        assert!(found < 1e-3, "{name}: {found}");
    }
}

#[test]
fn tiff_not_read() {
    for name in ["zstd", "palette", "bands", "extra_samples", "uint32"] {
        let found = difference(&load(name).unwrap());
        assert!(found < 1e-3, "{name}: {found}");
    }
    for (name, tolerance) in [("packed_10", 0.3), ("packed_12", 0.1), ("packed_14", 0.02), ("half", 0.1)] {
        let found = difference(&load(name).unwrap());
        assert!(found < tolerance, "{name}: {found}");
    }
    assert!(difference(&load("jpeg_grey_tiles").unwrap()) < 6.0);
    // Colours at half resolution run over the edges.
    let image = load("jpeg_ycbcr").unwrap().image;
    for (x, y, expected) in [(2, 2, [40.0, 80.0, 160.0]), (13, 3, [200.0, 60.0, 30.0]), (2, 11, [240.0; 3])] {
        let got = image.get(x, y);
        assert!((0..3).all(|c| (got[c] * 255.0 - expected[c]).abs() < 12.0), "{got:?} at {x}, {y}");
    }
    let fax = load("fax_group3").unwrap();
    assert!(fax.grey && fax.image.get(2, 10) == [1.0; 3] && fax.image.get(2, 2) == [0.0; 3]);
}

/// Dark images of 12 packed bits were once taken for images of fewer bits.
#[test]
fn a_file_that_states_its_depth_is_on_scale_already() {
    for (name, expected) in [
        ("packed_10", SampleType::U8),
        ("packed_12", SampleType::U8),
        ("packed_14", SampleType::U8),
        ("half", SampleType::F32),
    ] {
        assert_eq!(load(name).unwrap().image.sample_type(), expected, "{name}");
    }
    let grey = |max: u32| {
        let file = format!("P2 8 8 {max} {}", "100 ".repeat(64));
        load_bytes(file.as_bytes(), Path::new("grey.pgm"), &Limits::default()).unwrap()
    };
    assert_eq!(grey(4095).sample_type(), SampleType::U8);
    assert!((grey(4095).get(3, 3)[0] - 100.0 / 4095.0).abs() < 1e-4);
    assert_eq!(grey(65_535).sample_type(), SampleType::U16, "any camera may write so");
}

#[test]
fn tiff_first_page() {
    let thumbnail = load("thumbnail_first").unwrap();
    assert!(difference(&thumbnail) < 1e-3, "the full image, not its thumbnail or its mask");
    assert_eq!(thumbnail.further_pages, 0);
    let three = load("three_pages").unwrap();
    assert!(difference(&three) < 1e-3);
    assert_eq!(three.further_pages, 2);
}

#[test]
fn variants_that_are_not_read_are_named() {
    for (name, kind) in [("five_bands", "5 bands"), ("int16", "signed integers"), ("lab", "L*a*b*")] {
        let error = load(name).unwrap_err();
        assert!(matches!(error, ImageError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(kind), "{error}");
    }
}

#[test]
fn pixels_without_a_measurement_are_named_as_such() {
    let error = load("nan").unwrap_err();
    assert!(matches!(error, ImageError::NotNumbers { pixels: 2, .. }), "{error}");
    assert!(!error.to_string().contains("damaged"), "{error}");
}
