//! Files that are broken, hostile or just odd: each gives a clear error or an image, none a panic.

// The lint's exception for tests does not reach their helper functions.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::{Image, ImageError, Limits, decode};
use proptest::prelude::*;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// Every fixture in every format, by name.
fn all_formats() -> Vec<(String, Vec<u8>)> {
    fixtures_of("formats")
}

/// The fixtures in a folder, by name.
fn fixtures_of(part: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(part);
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), fixture(&format!("{part}/{name}")))).collect()
}

fn load(bytes: &[u8]) -> Result<Image, ImageError> {
    decode::load_bytes(bytes, Path::new("some/file"), &Limits::default())
}

/// A message names the file and ends with what to do.
fn check_message(error: &ImageError) {
    let text = error.to_string();
    assert!(text.contains("some/file") && text.contains("; "), "{text}");
    assert_eq!(error.path(), Path::new("some/file"));
    assert!(!text.contains("its decoder cannot handle"), "a decoder panicked: {text}");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for (name, bytes) in all_formats() {
        for length in 0..bytes.len() {
            match load(&bytes[..length]) {
                Err(error) => check_message(&error),
                // TIFF has no end mark: bytes after the last that is referred to may be missing. So may
                // the end mark of a JPEG, because the pixels are known to be whole without it, and what
                // follows the first frame of a GIF. What remains must then give the same image.
                Ok(image) if [".tif", ".jpg", ".gif"].iter().any(|ending| name.ends_with(ending)) => {
                    assert_eq!(image, load(&bytes).unwrap(), "{name} cut at {length} of {}", bytes.len());
                }
                Ok(_) => panic!("{name} cut at {length} of {} bytes was read", bytes.len()),
            }
        }
    }
}

#[test]
fn a_cut_jpeg_with_an_end_marker_is_an_error() {
    let photo =
        Image::from_fn(160, 120, |x, y| [(x * y % 97) as f32 / 97.0, x as f32 / 160.0, y as f32 / 120.0]);
    let bytes = anoseg_image::write::encode_jpeg(&photo, 90);
    let data = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap() + 14;
    for length in (data..bytes.len() - 40).step_by(101) {
        let mut cut = bytes[..length].to_vec();
        cut.extend([0xFF, 0xD9]);
        match load(&cut) {
            Err(error) => check_message(&error),
            Ok(_) => panic!("{length} of {} bytes were read as an image", bytes.len()),
        }
    }
}

#[test]
fn a_flat_jpeg_is_whole_though_it_has_few_data() {
    for (width, height) in [(8, 8), (16, 16), (17, 9), (640, 8), (8, 640), (300, 200)] {
        for level in [0.0, 0.5, 1.0] {
            let bytes = anoseg_image::write::encode_jpeg(&Image::filled(width, height, [level; 3]), 75);
            assert!(load(&bytes).is_ok(), "{width} x {height}");
        }
    }
}

#[test]
fn a_jpeg_with_a_hole_is_an_error() {
    let photo =
        Image::from_fn(320, 240, |x, y| [(x * y % 97) as f32 / 97.0, x as f32 / 320.0, y as f32 / 240.0]);
    let mut bytes = anoseg_image::write::encode_jpeg(&photo, 90);
    assert!(load(&bytes).is_ok());
    let middle = bytes.len() / 2;
    // Noise in the middle, but the end mark is there.
    let mut noise = 1u32;
    for byte in &mut bytes[middle..middle + 4096] {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (noise >> 24) as u8;
    }
    match load(&bytes) {
        Err(error) => check_message(&error),
        Ok(_) => panic!("noise was read as an image"),
    }
}

#[test]
fn bytes_behind_the_end_are_allowed() {
    // Cameras append previews and videos.
    for name in ["baseline.jpg", "progressive.jpg", "rgb.png", "lossless.webp", "rgb.tif", "rgb.bmp"] {
        let bytes = fixture(&format!("formats/{name}"));
        let mut longer = bytes.clone();
        longer.extend([0xFF, 0xD8, 0, 1, 2, 3]);
        assert_eq!(load(&longer).unwrap(), load(&bytes).unwrap(), "{name}");
    }
}

#[test]
fn what_is_no_image_is_named() {
    let text = |bytes: &[u8]| {
        let error = load(bytes).unwrap_err();
        check_message(&error);
        assert!(matches!(error, ImageError::NotAnImage { .. } | ImageError::OtherFormat { .. }));
        error.to_string()
    };
    assert!(text(b"").contains("empty"));
    assert!(text(b"path,score\na.png,0.5\n").contains("text"));
    assert!(text(b"8BPS\0\x01").contains("Photoshop"));
    assert!(text(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").contains("a HEIC image"));
    assert!(text(&[0; 64]).contains("no known signature"));
}

/// A PNG of any size that its pixel data need not have.
fn png(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], content: &[u8]| {
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(content);
        bytes.extend(crc32(&[kind, content].concat()).to_be_bytes());
    };
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat());
    chunk(b"IDAT", data);
    chunk(b"IEND", b"");
    bytes
}

/// CRC-32 of ISO 3309, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}

/// Zeros compressed about a thousand times: a zlib stream of one Huffman block of longest matches.
fn many_zeros() -> Vec<u8> {
    let image = image::GrayImage::new(4000, 4000);
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let bytes = bytes.into_inner();
    let at = bytes.windows(4).position(|four| four == b"IDAT").unwrap();
    let length = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
    bytes[at + 4..at + 4 + length].to_vec()
}

#[test]
fn huge_images_are_refused_from_the_header() {
    for (width, height, limit) in [
        (60_000, 60_000, "max_side"),
        (30_000, 30_000, "max_pixels"),
        (u32::MAX >> 1, u32::MAX >> 1, "max_side"),
    ] {
        let error = load(&png(width, height, &[])).unwrap_err();
        assert!(matches!(error, ImageError::Limit { .. }), "{error}");
        check_message(&error);
        assert!(error.to_string().contains(limit), "{error}");
    }
}

#[test]
fn data_that_inflate_beyond_the_header_take_no_memory() {
    let data = many_zeros();
    let image = load(&png(16, 16, &data));
    // Surplus data may be ignored or reported, not allocated.
    if let Err(error) = image {
        check_message(&error);
    }
}

#[test]
fn a_chunk_longer_than_its_file_takes_no_memory() {
    // The length of the Exif chunk says 4 GiB.
    let mut bytes = fixture("oriented/6.webp");
    let exif = bytes.windows(4).position(|four| four == b"EXIF").unwrap();
    bytes[exif + 4..exif + 8].copy_from_slice(&[0xF0, 0xFF, 0xFF, 0xFF]);
    let error = load(&bytes).unwrap_err();
    check_message(&error);
    assert!(matches!(error, ImageError::Damaged { .. }) && error.to_string().contains("EXIF"), "{error}");
    // The same in a frame of an animation.
    let mut bytes = fixture("formats/animated.webp");
    let frame = bytes.windows(4).position(|four| four == b"ANMF").unwrap();
    bytes[frame + 28..frame + 32].copy_from_slice(&[0xF0, 0xFF, 0xFF, 0xFF]);
    assert!(matches!(load(&bytes).unwrap_err(), ImageError::Damaged { .. }));
}

#[test]
fn texts_and_profiles_that_inflate_take_no_memory() {
    // 16 million zeros in 16 kB, many times: in a profile and in texts.
    let zeros = many_zeros();
    let bytes = fixture("formats/rgb.png");
    let mut stuffed = bytes[..33].to_vec();
    for (kind, head) in [(b"iCCP", &b"p\0\0"[..]), (b"zTXt", b"t\0\0"), (b"iTXt", b"t\0\x01\0\0\0")] {
        for _ in 0..20 {
            let content = [head, &zeros].concat();
            stuffed.extend((content.len() as u32).to_be_bytes());
            stuffed.extend(kind);
            stuffed.extend(&content);
            stuffed.extend(crc32(&[kind, &content[..]].concat()).to_be_bytes());
        }
    }
    stuffed.extend(&bytes[33..]);
    assert_eq!(load(&stuffed).unwrap(), load(&bytes).unwrap());
}

/// A BMP of 8 bits with these data for its rows.
fn bmp(side: u32, compression: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"BM\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend((54u32 + 1024).to_le_bytes());
    for value in [40, side, side, 1 | 8 << 16, compression, data.len() as u32, 0, 0, 256, 0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend((0..=255u8).flat_map(|level| [level, level, level, 0]));
    bytes.extend(data);
    bytes
}

#[test]
fn a_small_file_of_many_pixels_is_refused_before_it_is_decoded() {
    // Run lengths that end at once, or after half of the pixels.
    let runs = [[255u8, 7].repeat(100_000), vec![0, 1]].concat();
    for data in [&[0, 1][..], &runs] {
        let error = load(&bmp(9_000, 1, data)).unwrap_err();
        check_message(&error);
        assert!(matches!(error, ImageError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains("leave out"), "{error}");
    }
    assert!(matches!(load(&bmp(9_000, 0, &[1, 2, 3])).unwrap_err(), ImageError::Damaged { .. }));
    assert!(matches!(load(&bmp(9_000, 1, &[255, 7])).unwrap_err(), ImageError::Damaged { .. }));
    let error = load(&bmp(10_000, 1, &vec![1; 1 << 20])).unwrap_err();
    assert!(matches!(error, ImageError::Damaged { .. }), "{error}");
    let whole = load(&bmp(16, 1, &[[16, 255, 0, 0].repeat(16), vec![0, 1]].concat())).unwrap();
    assert_eq!(whole, Image::filled(16, 16, [1.0; 3]));
}

#[test]
fn each_limit_is_kept() {
    let bytes = fixture("formats/rgb.png");
    let with = |limits: Limits| decode::load_bytes(&bytes, Path::new("some/file"), &limits);
    let fits = Limits {
        max_file_bytes: bytes.len() as u64,
        max_pixels: 16 * 12,
        max_side: 16,
        min_side: 12,
        max_alloc_bytes: 16 * 12 * (3 + decode::BYTES_PER_PIXEL),
    };
    assert!(with(fits).is_ok());
    for (limits, name) in [
        (Limits { max_file_bytes: fits.max_file_bytes - 1, ..fits }, "max_file_bytes"),
        (Limits { max_pixels: 16 * 12 - 1, ..fits }, "max_pixels"),
        (Limits { max_side: 15, ..fits }, "max_side"),
        (Limits { min_side: 13, ..fits }, "min_side"),
        (Limits { max_alloc_bytes: fits.max_alloc_bytes - 1, ..fits }, "max_alloc_bytes"),
    ] {
        let error = with(limits).err().unwrap_or_else(|| panic!("{name} was not kept"));
        check_message(&error);
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}

#[test]
fn narrow_images_are_read_or_refused() {
    let encode = |width, height| anoseg_image::write::encode_png(&Image::filled(width, height, [0.5; 3]));
    let error = load(&encode(1, 1)).unwrap_err();
    assert!(matches!(error, ImageError::TooSmall { width: 1, height: 1, min_side: 8, .. }));
    check_message(&error);
    assert!(load(&encode(30_000, 7)).is_err());
    let long = load(&encode(30_000, 10)).unwrap();
    assert_eq!((long.width(), long.height()), (30_000, 10));
    let any = Limits { min_side: 0, ..Limits::default() };
    assert!(decode::load_bytes(&encode(1, 1), Path::new("one"), &any).is_ok());
}

#[test]
fn a_bad_path_is_no_bad_image() {
    let folder = tempfile::tempdir().unwrap();
    let load = |path: &Path| decode::load(path, &Limits::default()).unwrap_err();
    assert!(matches!(load(&folder.path().join("absent.png")), ImageError::Io { .. }));
    assert!(matches!(load(folder.path()), ImageError::NotAFile { .. }));
    assert!(matches!(decode::probe(folder.path(), &Limits::default()), Err(ImageError::NotAFile { .. })));
    #[cfg(unix)]
    {
        assert!(matches!(load(Path::new("/dev/zero")), ImageError::NotAFile { .. }));
        use std::os::unix::ffi::OsStringExt;
        let name = std::ffi::OsString::from_vec(b"not \xFF utf-8.png".to_vec());
        let path = folder.path().join(name);
        fs::write(&path, "text").unwrap();
        assert!(load(&path).to_string().contains("utf-8.png"));
    }
}

#[test]
fn probing_reads_behind_large_metadata() {
    // Comments of 200 kB before the image's size: more than the first read of a probe.
    let jpeg = fixture("oriented/6.jpg");
    let mut bytes = jpeg[..2].to_vec();
    for _ in 0..4 {
        bytes.extend([0xFF, 0xFE]);
        bytes.extend(50_002u16.to_be_bytes());
        bytes.extend([b'x'; 50_000]);
    }
    bytes.extend(&jpeg[2..]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &bytes).unwrap();
    assert_eq!(decode::probe(file.path(), &Limits::default()).unwrap(), (16, 12));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Flipped bits give an error or an image, in every format.
    #[test]
    fn damaged_bytes_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6)) {
        for (_, mut bytes) in all_formats() {
            for (index, bit) in &flips {
                let at = index.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            if let Err(error) = load(&bytes) {
                check_message(&error);
            }
        }
    }

    /// Bytes that follow a format's signature never panic either.
    #[test]
    fn garbage_never_panics(start in 0usize..40, garbage in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, bytes) in all_formats() {
            let mut made = bytes[..start.min(bytes.len())].to_vec();
            made.extend(&garbage);
            if let Err(error) = load(&made) {
                check_message(&error);
            }
        }
    }
}

/// The next number of a small generator (Numerical Recipes' constants).
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

/// Changes what decoders trust most: single bytes, lengths, and the order of parts.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], state: &mut u64) {
    let at = next(state) % bytes.len();
    match next(state) % 6 {
        0 => bytes[at] ^= 1 << (next(state) % 8),
        1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][next(state) % 5],
        2 => {
            let end = bytes.len().min(at + 4);
            bytes[at..end].fill([0, 0xFF, 0x7F][next(state) % 3]);
        }
        3 => {
            let end = bytes.len().min(at + 1 + next(state) % 64);
            let part = bytes[at..end].to_vec();
            let to = next(state) % bytes.len();
            bytes.splice(to..to, part);
        }
        4 => bytes.truncate(at.max(1)),
        _ => {
            let from = next(state) % other.len();
            let end = other.len().min(from + 1 + next(state) % 64);
            bytes.splice(at..at, other[from..end].iter().copied());
        }
    }
}

#[test]
fn mutated_files_give_an_error_or_an_image_within_the_limits() {
    let files: Vec<(String, Vec<u8>)> =
        ["formats", "jpeg", "tiff", "oriented"].iter().flat_map(|part| fixtures_of(part)).collect();
    let limits = Limits { max_pixels: 1 << 16, max_alloc_bytes: 8 << 20, ..Limits::default() };
    let mut state = 7;
    for round in 0..150 {
        for (index, (name, bytes)) in files.iter().enumerate() {
            let mut bytes = bytes.clone();
            for _ in 0..=next(&mut state) % 3 {
                mutate(&mut bytes, &files[(index + round) % files.len()].1, &mut state);
            }
            match decode::load_bytes(&bytes, Path::new("some/file"), &limits) {
                Err(error) => check_message(&error),
                Ok(image) => assert!(image.width() * image.height() <= 1 << 16, "{name}"),
            }
        }
    }
}

/// A PNG of a few bytes was once called text.
#[test]
fn a_png_that_is_cut_or_was_sent_as_text_is_damaged() {
    let png = anoseg_image::write::encode_png(&Image::filled(16, 16, [0.5; 3]));
    let told = |bytes: &[u8]| load(bytes).unwrap_err().to_string();
    for length in 2..32 {
        let text = told(&png[..length]);
        assert!(text.contains("is damaged"), "{length}: {text}");
    }
    let as_text = [&png[..4], &png[5..]].concat();
    assert!(told(&as_text).contains("transfer as text"), "{}", told(&as_text));
}
