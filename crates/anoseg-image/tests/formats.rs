//! Every kind of file that is read, against the scene that the fixtures were made from.

// The lint's exception for tests does not reach their helper functions.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::{Decoded, Image, Limits, Mask, SampleType, decode};

const WIDTH: usize = 16;
const HEIGHT: usize = 12;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn load(name: &str) -> Image {
    let path = fixture(name);
    let image = decode::load(&path, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
    let probed = decode::probe(&path, &Limits::default()).unwrap();
    assert_eq!(probed, (image.width(), image.height()), "probe of {name}");
    image
}

/// The scene of `make_fixtures.py`: blue left, red right, white below left.
fn scene(x: usize, y: usize) -> [f32; 3] {
    let rgb: [u8; 3] = match (x >= 8, y >= 8) {
        (true, _) => [200, 60, 30],
        (false, true) => [240, 240, 240],
        (false, false) => [40, 80, 160],
    };
    rgb.map(|v| f32::from(v) / 255.0)
}

/// Pillow's `convert("L")`: ITU-R 601-2 luma, whole grey levels.
fn grey(x: usize, y: usize) -> [f32; 3] {
    let [r, g, b] = scene(x, y);
    [(0.299 * r + 0.587 * g + 0.114 * b) * 255.0; 3].map(|v: f32| v.round() / 255.0)
}

/// Largest difference in grey levels of 0..=255.
fn difference(image: &Image, expected: impl Fn(usize, usize) -> [f32; 3]) -> f32 {
    assert_eq!((image.width(), image.height()), (WIDTH, HEIGHT));
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    pixels.fold(0.0, |largest, (x, y)| {
        let (got, expected) = (image.get(x, y), expected(x, y));
        (0..3).fold(largest, |largest: f32, c| largest.max((got[c] - expected[c]).abs() * 255.0))
    })
}

#[test]
fn lossless_colour_is_exact() {
    for name in [
        "rgb.png",
        "rgba.png",
        "palette_transparent.png",
        "rgb.bmp",
        "palette.bmp",
        "lossless.webp",
        "runs.bmp",
        "animated.gif",
        "animated.webp",
        "animated_with_text.png",
        "rgba.pam",
        "rgb.tif",
        "rgba_lzw.tif",
        "planar.tif",
        "tiled.tif",
        "big_tiff.tif",
        "rgb_float_big_endian.tif",
    ] {
        let found = difference(&load(&format!("formats/{name}")), scene);
        assert!(found < 1e-4, "{name}: {found}");
    }
}

#[test]
fn transparent_pixels_keep_their_colour() {
    // The left column of rgba.png has alpha 0; WebP was told to keep no colour there.
    let image = load("formats/rgba.png");
    assert_eq!(image.get(0, 0), scene(0, 0));
    assert_eq!(load("formats/alpha.webp").get(12, 3), scene(12, 3));
}

#[test]
fn lossless_grey_is_exact_and_three_planes_are_equal() {
    for name in [
        "grey.png",
        "grey_alpha.png",
        "grey_deflate.tif",
        "grey_alpha.tif",
        "white_is_zero.tif",
        "grey.gif",
        "grey.pgm",
    ] {
        let image = load(&format!("formats/{name}"));
        let found = difference(&image, grey);
        assert!(found < 0.51, "{name}: {found}");
        assert_eq!(image.plane(0), image.plane(2), "{name}");
    }
}

#[test]
fn one_bit_images_span_the_full_scale() {
    for name in ["bits.png", "bits.bmp", "bits.tif", "bits_group4.tif", "bits.pbm"] {
        let image = load(&format!("formats/{name}"));
        let found =
            difference(&image, |x, y| if grey(x, y)[0] > 100.0 / 255.0 { [1.0; 3] } else { [0.0; 3] });
        assert_eq!(found, 0.0, "{name}");
    }
}

#[test]
fn the_first_frame_is_read_and_the_others_are_counted() {
    for name in ["animated.gif", "animated.webp", "animated_with_text.png"] {
        let decoded = Decoded::load(&fixture(&format!("formats/{name}")), &Limits::default()).unwrap();
        assert_eq!(decoded.further_pages, 1, "{name}");
    }
    assert_eq!(Decoded::load(&fixture("formats/rgb.png"), &Limits::default()).unwrap().further_pages, 0);
}

#[test]
fn the_declared_maximum_of_a_pgm_is_full_scale() {
    let found = difference(&load("formats/twelve_bits.pgm"), |x, y| {
        [((y * WIDTH + x) * 341 / 16) as f32 / 4095.0; 3]
    });
    assert!(found < 1e-2, "{found}");
}

#[test]
fn images_that_are_written_as_text_are_read() {
    let load = |text: &str| {
        decode::load_bytes(
            text.as_bytes(),
            Path::new("text.pnm"),
            &Limits { min_side: 1, ..Limits::default() },
        )
    };
    let grey = load("P2\n# a comment\n3 1 # another\n15\n0 5\n15").unwrap();
    assert_eq!(grey.plane(0), [0.0, 85.0 / 255.0, 1.0]);
    assert_eq!(load("P3 1 1 255  255 0 51").unwrap().get(0, 0), [1.0, 0.0, 0.2]);
    assert_eq!(load("P1 4 1\n01 10").unwrap().plane(2), [1.0, 0.0, 0.0, 1.0]);
    for bad in
        ["P2 3 1 15 0 5", "P2 3 1 15 0 5 16", "P2 3 1 15 0 5 x", "P1 4 1 0120", "P2 3 0 15", "P2 3 1 0 0 0 0"]
    {
        assert!(matches!(load(bad), Err(anoseg_image::ImageError::Damaged { .. })), "{bad}");
    }
    assert!(matches!(load("P2 is the second part"), Err(anoseg_image::ImageError::NotAnImage { .. })));
}

#[test]
fn sixteen_bits_and_floats_keep_their_precision() {
    for name in ["grey16.png", "grey16.tif"] {
        let image = load(&format!("formats/{name}"));
        let found = difference(&image, |x, y| [((y * WIDTH + x) * 341) as f32 / 65_535.0; 3]);
        assert!(found < 1e-4, "{name}: {found}");
    }
    let found = difference(&load("formats/float.tif"), |x, y| [(y * WIDTH + x) as f32 / 191.0; 3]);
    assert!(found < 1e-4, "{found}");
}

#[test]
fn lossy_colour_is_close() {
    for name in ["baseline.jpg", "progressive.jpg", "restarts.jpg", "cmyk.jpg", "cmyk.tif"] {
        let found = difference(&load(&format!("formats/{name}")), scene);
        assert!(found < 4.0, "{name}: {found}");
    }
    let found = difference(&load("formats/grey.jpg"), grey);
    assert!(found < 4.0, "grey.jpg: {found}");
    // Subsampled colour runs over the edges, so only the inner parts are compared.
    for name in ["subsampled.jpg", "lossy.webp"] {
        let image = load(&format!("formats/{name}"));
        for (x, y) in [(2, 2), (13, 3), (13, 10), (2, 11)] {
            let (got, expected) = (image.get(x, y), scene(x, y));
            let far = (0..3).any(|c| (got[c] - expected[c]).abs() > 12.0 / 255.0);
            assert!(!far, "{name} at {x}, {y}: {got:?} instead of {expected:?}");
        }
    }
}

#[test]
fn exif_orientation_is_applied() {
    for tag in 1..=8 {
        let found = difference(&load(&format!("oriented/{tag}.jpg")), scene);
        assert!(found < 6.0, "orientation {tag}: {found}");
    }
    for name in ["6.png", "7.png", "6.webp", "7.webp", "6.tif", "7.tif"] {
        let found = difference(&load(&format!("oriented/{name}")), scene);
        assert!(found < 1e-4, "{name}: {found}");
    }
}

#[test]
fn exif_orientation_is_applied_to_masks() {
    let bright = |x: usize, y: usize| scene(x, y).iter().any(|&v| v >= 0.5);
    for tag in 1..=8 {
        let path = fixture(&format!("oriented/{tag}.jpg"));
        let mask = decode::load_mask(&path, &Limits::default()).unwrap();
        assert_eq!(mask, Mask::from_fn(WIDTH, HEIGHT, bright), "orientation {tag}");
    }
}

#[test]
fn any_value_but_zero_is_anomalous_in_a_lossless_mask() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    let grey = image::GrayImage::from_fn(16, 8, |x, _| image::Luma([x as u8]));
    grey.save(&path).unwrap();
    let mask = decode::load_mask(&path, &Limits::default()).unwrap();
    assert_eq!(mask, Mask::from_fn(16, 8, |x, _| x > 0));

    let rgba = image::RgbaImage::from_fn(16, 8, |x, _| image::Rgba([0, 0, u8::from(x == 3), 255]));
    rgba.save(&path).unwrap();
    let mask = decode::load_mask(&path, &Limits::default()).unwrap();
    assert_eq!(mask, Mask::from_fn(16, 8, |x, _| x == 3), "alpha does not count, each colour does");

    let wide = image::ImageBuffer::from_fn(16, 8, |x, _| image::Luma([x as u16]));
    wide.save(&path).unwrap();
    let mask = decode::load_mask(&path, &Limits::default()).unwrap();
    assert_eq!(mask, Mask::from_fn(16, 8, |x, _| x > 0), "16 bits are not rounded to 8");
}

#[test]
fn half_of_full_scale_is_anomalous_in_a_lossy_mask() {
    for name in ["formats/baseline.jpg", "formats/grey.jpg"] {
        let expected = if name.contains("grey") { grey } else { scene };
        let mask = decode::load_mask(&fixture(name), &Limits::default()).unwrap();
        assert_eq!(mask, Mask::from_fn(WIDTH, HEIGHT, |x, y| expected(x, y).iter().any(|&v| v >= 0.5)));
    }
    let lossy = decode::load_mask(&fixture("formats/lossy.webp"), &Limits::default()).unwrap();
    assert!(lossy.get(2, 2) && lossy.get(13, 3), "160 and 200 of 255 are above half");
    let lossless = decode::load_mask(&fixture("formats/lossless.webp"), &Limits::default()).unwrap();
    assert_eq!(lossless.count(), WIDTH * HEIGHT);
}

#[test]
fn the_content_tells_the_format_whatever_the_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rgb.png", "rgb.bmp", "lossless.webp", "rgb.tif"] {
        let path = folder.path().join(format!("{name}.jpg"));
        fs::copy(fixture(&format!("formats/{name}")), &path).unwrap();
        let image = decode::load(&path, &Limits::default()).unwrap();
        assert_eq!(difference(&image, scene), 0.0, "{name}");
    }
}

#[test]
fn floats_are_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("float.tif");
    let save = |value: f32| {
        let map = anoseg_image::AnomalyMap::from_fn(8, 8, |x, _| if x == 0 { value } else { 0.5 });
        anoseg_image::write::write_tiff_f32(&path, &map).unwrap();
        decode::load(&path, &Limits::default())
    };
    for value in [1.2, -0.2, 1.8, 255.0, -9999.0] {
        let image = save(value).unwrap();
        assert_eq!(image.get(0, 0), [value; 3]);
        assert_eq!(image.sample_type(), SampleType::F32);
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(matches!(save(value).unwrap_err(), anoseg_image::ImageError::NotNumbers { pixels: 8, .. }));
    }
}
