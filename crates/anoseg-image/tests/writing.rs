//! Files are whole, have ordinary permissions, and say what went wrong.

// The lint's exception for tests does not reach their helper functions.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io;
use std::path::Path;

use anoseg_image::{AnomalyMap, Image, Limits, Mask, decode, write};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn ramp(width: usize, height: usize) -> Image {
    Image::from_fn(width, height, |x, y| [x as f32 / width as f32, y as f32 / height as f32, 0.5])
}

#[test]
fn a_failure_keeps_the_old_file_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result");
    fs::write(&path, "old").unwrap();
    let error = write::atomic(&path, |file| {
        file.write_all(b"half of the new")?;
        Err(io::ErrorKind::StorageFull.into())
    })
    .unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["result"]);
    assert_eq!(error.path(), path);
    assert!(error.to_string().contains("result") && error.to_string().contains("free some space"));
}

#[test]
fn an_old_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result");
    for text in ["first and longer", "second"] {
        write::atomic(&path, |file| file.write_all(text.as_bytes())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(names(folder.path()), ["result"]);
}

#[test]
fn errors_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let text = |path: &Path| write::atomic(path, |_| Ok(())).unwrap_err().to_string();
    assert!(text(&folder.path().join("absent/file")).contains("make its folder first"));
    assert!(text(folder.path()).contains("choose another name"));
    fs::write(folder.path().join("file"), "").unwrap();
    assert!(text(&folder.path().join("file/below")).contains("a part of the path is a file"));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn permissions_are_ordinary_and_old_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let ordinary = folder.path().join("ordinary");
        fs::write(&ordinary, "").unwrap();
        let ours = folder.path().join("ours");
        write::atomic(&ours, |file| file.write_all(b"x")).unwrap();
        assert_eq!(mode(&ours), mode(&ordinary), "as the umask says");

        fs::set_permissions(&ours, fs::Permissions::from_mode(0o640)).unwrap();
        write::atomic(&ours, |file| file.write_all(b"y")).unwrap();
        assert_eq!(mode(&ours), 0o640);
    }

    #[test]
    fn links_are_followed_and_devices_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        write::atomic(&link, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        write::atomic(Path::new("/dev/null"), |out| out.write_all(b"gone")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}

#[test]
fn png_keeps_every_8_bit_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.png");
    let image = Image::from_fn(16, 16, |x, y| [(y * 16 + x) as f32 / 255.0; 3]);
    write::write_png(&path, &image).unwrap();
    assert_eq!(decode::load(&path, &Limits::default()).unwrap(), image);
}

#[test]
fn masks_are_black_and_white() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    let mask = Mask::from_fn(13, 9, |x, y| x > y);
    write::write_mask_png(&path, &mask).unwrap();
    assert_eq!(decode::load_mask(&path, &Limits::default()).unwrap(), mask);
    let grey = image::open(&path).unwrap();
    assert_eq!(grey.color(), image::ColorType::L8);
    assert!(grey.to_luma8().iter().all(|&v| v == 0 || v == 255));
}

#[test]
fn float_tiffs_keep_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tiff");
    let map = AnomalyMap::from_fn(7, 5, |x, y| (x as f32 - 3.0) * 1e6 + y as f32 * f32::MIN_POSITIVE);
    write::write_tiff_f32(&path, &map).unwrap();
    assert_eq!(write::read_tiff_f32(&path).unwrap(), map);
    let single = AnomalyMap::filled(1, 1, 0.25);
    write::write_tiff_f32(&path, &single).unwrap();
    assert_eq!(write::read_tiff_f32(&path).unwrap(), single);
}

#[test]
fn other_tiffs_are_no_anomaly_maps() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/rgb.tif");
    assert!(write::read_tiff_f32(&path).unwrap_err().to_string().contains("32-bit float"));
}

#[test]
fn jpeg_is_close_and_better_with_quality() {
    let image = ramp(64, 48);
    let worst = |quality: u8| {
        let bytes = write::encode_jpeg(&image, quality);
        let back = decode::load_bytes(&bytes, Path::new("memory.jpg"), &Limits::default()).unwrap();
        let pairs = image.as_slice().iter().zip(back.as_slice());
        pairs.fold(0.0, |worst: f32, (a, b)| worst.max((a - b).abs()))
    };
    assert!(worst(95) < 0.02 && worst(95) < worst(10));
    assert_eq!(write::encode_jpeg(&image, 0), write::encode_jpeg(&image, 1));
    assert_eq!(write::encode_jpeg(&image, 255), write::encode_jpeg(&image, 100));
}

#[test]
fn values_out_of_range_are_clamped_when_written() {
    let image = Image::filled(8, 8, [-1.0, 2.0, f32::NAN]);
    let bytes = write::encode_png(&image);
    let back = decode::load_bytes(&bytes, Path::new("memory.png"), &Limits::default()).unwrap();
    assert_eq!(back.get(0, 0), [0.0, 1.0, 0.0]);
}
