//! Masks that mark the wrong pixels: named, and kept out of the figures of pixels.

// Helper functions unwrap as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::dataset::{MaskFault, MaskFinding, Truth, Turned, read_truth, summarise_masks};
use anoseg_image::{Dataset, Decoded, Image, Limits, Mask, write};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The truth of one defective image, with a file as its mask.
fn truth(image: &Path, mask: &Path) -> Truth {
    let folder = tempfile::tempdir().unwrap();
    let place = |part: &str, file: &Path| {
        let path = folder.path().join(part).join("0").with_extension(file.extension().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(file, path).unwrap();
    };
    place("test/dent", image);
    place("ground_truth/dent", mask);
    let dataset = Dataset::open(folder.path()).unwrap();
    let image = Decoded::load(&dataset.test[0].path, &Limits::default()).unwrap();
    read_truth(&dataset.test[0], &image, &Limits::default())
}

/// The truth of an image of 24 x 24 pixels with this mask.
fn truth_of(mask: &Path) -> Truth {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image.png");
    write::write_png(&image, &Image::filled(24, 24, [0.5; 3])).unwrap();
    truth(&image, mask)
}

fn truth_of_mask(mask: &Mask) -> Truth {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    write::write_mask_png(&path, mask).unwrap();
    truth_of(&path)
}

/// Fails unless the mask is left out with one remark that holds `words`.
fn left_out(truth: &Truth, words: &[&str]) {
    let [finding] = truth.findings.as_slice() else { panic!("{truth:?}") };
    assert!(truth.mask.is_none() && finding.excludes());
    let text = finding.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

fn disc(x: usize, y: usize) -> bool {
    x.abs_diff(9).pow(2) + y.abs_diff(13).pow(2) < 25
}

#[test]
fn a_plausible_mask_gives_no_remark() {
    let truth = truth_of_mask(&Mask::from_fn(24, 24, disc));
    assert_eq!(truth.findings, []);
    assert_eq!(truth.mask.unwrap(), Mask::from_fn(24, 24, disc));
}

#[test]
fn inverted_masks() {
    left_out(&truth_of_mask(&Mask::from_fn(24, 24, |x, y| !disc(x, y))), &["marks 88 %", "inverted"]);
    let larger = Mask::from_fn(24, 24, |x, y| !(4..20).contains(&x) || !(4..20).contains(&y));
    left_out(&truth_of_mask(&larger), &["marks 56 %", "inverted"]);
}

#[test]
fn empty_and_full_masks() {
    left_out(&truth_of_mask(&Mask::filled(24, 24, false)), &["marks nothing"]);
    left_out(&truth_of_mask(&Mask::filled(24, 24, true)), &["marks 100 %"]);
    let one_left = Mask::from_fn(24, 24, |x, y| x + y > 0);
    left_out(&truth_of_mask(&one_left), &["more than 99 %"]);
}

/// A large defect is possible.
#[test]
fn a_mask_of_most_of_the_part_is_used_with_a_remark() {
    let truth = truth_of_mask(&Mask::from_fn(24, 24, |x, y| (1..20).contains(&x) && (1..23).contains(&y)));
    assert!(truth.mask.is_some());
    assert!(matches!(truth.findings[0].fault, MaskFault::MarksMost { .. }));
    assert!(truth.findings[0].to_string().contains("marks 73 %"));
}

#[test]
fn a_background_of_1_counts_as_marked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    let level = |x, y| [if disc(x, y) { 1.0 } else { 1.0 / 255.0 }; 3];
    write::write_png(&path, &Image::from_fn(24, 24, level)).unwrap();
    left_out(&truth_of(&path), &["marks 100 %", "smallest value is 1 of 255"]);
}

#[test]
fn palettes() {
    left_out(&truth_of(&fixture("masks/palette_white.png")), &["marks 100 %", "palette is not black"]);
    left_out(&truth_of(&fixture("masks/palette_black.png")), &["marks nothing", "palette are black"]);
}

#[test]
fn a_jpeg_of_zeros_and_ones() {
    left_out(&truth_of(&fixture("masks/zero_one.jpg")), &["marks nothing", "of 255", "JPEG"]);
}

#[test]
fn smooth_edges_are_used_with_a_remark() {
    let truth = truth_of(&fixture("masks/smooth.png"));
    assert!(truth.mask.is_some());
    assert!(truth.findings[0].to_string().contains("every value above 0"), "{:?}", truth.findings);
}

#[test]
fn masks_of_classes_have_no_smooth_edges() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    let level = |x, y| [if disc(x, y) { ((x % 4) + 1) as f32 * 50.0 / 255.0 } else { 0.0 }; 3];
    write::write_png(&path, &Image::from_fn(24, 24, level)).unwrap();
    assert_eq!(truth_of(&path).findings, []);
}

#[test]
fn a_damaged_mask_leaves_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    fs::write(&path, "no mask").unwrap();
    left_out(&truth_of(&path), &["0.png", "whole-image figures only"]);
}

/// A mask of the stored pixels of an image that its Exif tag turns lies elsewhere.
#[test]
fn exif_mask() {
    let folder = tempfile::tempdir().unwrap();
    let mask = |width, height| {
        let path = folder.path().join("mask.png");
        write::write_mask_png(&path, &Mask::from_fn(width, height, |x, y| x < 3 && y < 4)).unwrap();
        path
    };
    let swapped = truth(&fixture("oriented/6.jpg"), &mask(12, 16));
    left_out(&swapped, &["12 x 16", "16 x 12", "Exif tag"]);
    assert!(matches!(swapped.findings[0].fault, MaskFault::Size { turned: Some(Turned::Image), .. }));
    // Of the size of the upright image: it was drawn on that.
    assert_eq!(truth(&fixture("oriented/6.jpg"), &mask(16, 12)).findings, []);
    // Upside down, the size does not tell.
    let unclear = truth(&fixture("oriented/3.jpg"), &mask(16, 12));
    assert!(unclear.mask.is_some());
    assert_eq!(unclear.findings[0].fault, MaskFault::Turned(Turned::Image));
    let reverse = truth(&fixture("oriented/1.jpg"), &fixture("oriented/3.jpg"));
    assert!(reverse.findings.iter().any(|finding| finding.fault == MaskFault::Turned(Turned::Mask)));
}

/// Two tags that turn image and mask in different directions were once taken for the same.
#[test]
fn tags_of_different_directions_are_told() {
    let both = |image: &str, mask: &str| truth(&fixture(image), &fixture(mask)).findings;
    let apart =
        |findings: &[MaskFinding]| findings.iter().any(|f| f.fault == MaskFault::Turned(Turned::Apart));
    assert!(apart(&both("oriented/6.jpg", "oriented/8.jpg")));
    assert!(apart(&both("oriented/3.jpg", "oriented/2.jpg")));
    assert!(!apart(&both("oriented/6.jpg", "oriented/6.png")));
}

/// They were once one line with the remedy of the first.
#[test]
fn a_summary_tells_directions_apart() {
    let of = |turned, mask: &str| {
        let mut finding = both_turned();
        (finding.fault, finding.mask) = (MaskFault::Turned(turned), mask.into());
        finding
    };
    let all = [of(Turned::Image, "a"), of(Turned::Mask, "b"), of(Turned::Image, "c"), of(Turned::Apart, "d")];
    let lines = summarise_masks(&all);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("the image is turned") && lines[0].contains("1 more like it: c"), "{lines:?}");
    assert!(
        lines[1].contains("the mask is turned") && lines[2].contains("different directions"),
        "{lines:?}"
    );
}

fn both_turned() -> MaskFinding {
    truth(&fixture("oriented/6.jpg"), &fixture("oriented/8.jpg")).findings.remove(0)
}

/// Such masks were once said to mark nothing, or everything.
#[test]
fn a_mask_in_the_alpha_channel_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = |channels: usize, colour: u8| -> Vec<u8> {
        let pixel = |i: usize| {
            let alpha = if disc(i % 24, i / 24) { 255 } else { 0 };
            let mut pixel = vec![colour; channels - 1];
            pixel.push(alpha);
            pixel
        };
        (0..24 * 24).flat_map(pixel).collect()
    };
    for (channels, colour) in [(4, 0), (4, 255), (2, 0), (2, 90)] {
        let path = folder.path().join("mask.png");
        let kind = if channels == 4 { image::ColorType::Rgba8 } else { image::ColorType::La8 };
        image::save_buffer(&path, &pixels(channels, colour), 24, 24, kind).unwrap();
        left_out(&truth_of(&path), &["alpha channel", "-alpha extract"]);
        let kind = if channels == 4 { "RGB_ALPHA" } else { "GRAYSCALE_ALPHA" };
        let head =
            format!("P7\nWIDTH 24\nHEIGHT 24\nDEPTH {channels}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n");
        let path = folder.path().join("mask.pam");
        fs::write(&path, [head.as_bytes(), &pixels(channels, colour)].concat()).unwrap();
        left_out(&truth_of(&path), &["alpha channel"]);
        let path = folder.path().join("mask.tif");
        for planar in [false, true] {
            fs::write(&path, tiff(&pixels(channels, colour), channels, planar)).unwrap();
            left_out(&truth_of(&path), &["alpha channel"]);
        }
    }
    // Colours that mark a shape count, whatever the alpha.
    let mut shown = pixels(4, 0);
    shown.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel[0] = pixel[3]);
    let path = folder.path().join("mask.png");
    image::save_buffer(&path, &shown, 24, 24, image::ColorType::Rgba8).unwrap();
    assert_eq!(truth_of(&path).findings, []);
}

/// A TIFF of 24 x 24 pixels without compression.
fn tiff(pixels: &[u8], channels: usize, planar: bool) -> Vec<u8> {
    let (n, count, place) = (channels as u32, 24 * 24, 8 + 2 + 12 * 11 + 4);
    let lists = place + 8 * n;
    let strips = if planar { n } else { 1 };
    let (offset, length) = if planar { (place, place + 4 * n) } else { (lists, count * n) };
    let photometric = if channels == 4 { 2 } else { 1 };
    let tags = [
        (256, 1, 24),
        (257, 1, 24),
        (258, 1, 8),
        (259, 1, 1),
        (262, 1, photometric),
        (273, strips, offset),
        (277, 1, n),
        (278, 1, 24),
        (279, strips, length),
        (284, 1, 1 + u32::from(planar)),
        (338, 1, 2),
    ];
    let mut file = [&b"II*\0"[..], &8u32.to_le_bytes(), &11u16.to_le_bytes()].concat();
    for (tag, values, value) in tags {
        file.extend([&(tag as u16).to_le_bytes()[..], &4u16.to_le_bytes()].concat());
        file.extend([values.to_le_bytes(), u32::to_le_bytes(value)].concat());
    }
    file.extend(0u32.to_le_bytes());
    (0..n).for_each(|plane| file.extend((lists + plane * count).to_le_bytes()));
    (0..n).for_each(|_| file.extend(count.to_le_bytes()));
    if planar {
        (0..channels).for_each(|plane| file.extend(pixels.iter().skip(plane).step_by(channels)));
    } else {
        file.extend(pixels);
    }
    file
}

#[test]
fn a_summary_has_a_line_for_each_kind() {
    let empty = truth_of_mask(&Mask::filled(24, 24, false)).findings;
    let full = truth_of_mask(&Mask::filled(24, 24, true)).findings;
    let all: Vec<MaskFinding> = [empty.clone(), full, empty.clone(), empty].concat();
    let lines = summarise_masks(&all);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("marks nothing") && lines[0].contains("2 more"), "{lines:?}");
}
