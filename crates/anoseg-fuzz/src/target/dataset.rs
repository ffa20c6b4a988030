//! Dataset folders.

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::Limits;
use anoseg_image::dataset::{Dataset, find_images};
use arbitrary::{Arbitrary, Unstructured};

/// A part of a path. Names with a meaning are likelier than any others.
#[derive(Arbitrary, Debug)]
enum Name {
    Known(u8),
    Image(u8, u8),
    Mask(u8, u8),
    Other(String),
}

/// Names of folders with a meaning in some layout.
const FOLDERS: [&str; 22] = [
    "train",
    "test",
    "ground_truth",
    "good",
    "broken",
    "ok",
    "ng",
    "bad",
    "OK",
    "NG",
    "Data",
    "Images",
    "Normal",
    "Anomaly",
    "Masks",
    "normal",
    "defect",
    "validation",
    "test_public",
    "Train",
    "Good",
    "kos01",
];

const ENDINGS: [&str; 8] = [".png", ".PNG", ".jpg", ".tif", ".txt", "", ".heic", ".bmp"];

#[derive(Arbitrary, Debug)]
struct Entry {
    path: Vec<Name>,
    /// `None` makes a folder.
    content: Option<Vec<u8>>,
}

// Few and shallow entries: each costs calls of the file system.
const MAX_ENTRIES: usize = 32;
const MAX_DEPTH: usize = 4;
const MAX_NAME_BYTES: usize = 64;
const MAX_FILE_BYTES: usize = 256;

pub(super) fn open(bytes: &[u8]) -> bool {
    let Ok(entries) = Vec::<Entry>::arbitrary(&mut Unstructured::new(bytes)) else { return false };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path();
    entries.iter().take(MAX_ENTRIES).for_each(|entry| create(root, entry));
    let dataset = Dataset::open(root);
    if let Ok(dataset) = &dataset {
        let images = dataset.train.iter().chain(dataset.test.iter().map(|image| &image.path));
        let masks = dataset.test.iter().filter_map(|image| image.mask.as_ref());
        assert!(images.chain(masks).all(|path| path.starts_with(root)), "a path lies outside the folder");
        // Its errors are as good as none.
        let _ = dataset.check_masks(&Limits::default());
    }
    let found = find_images(&[root.to_path_buf()]);
    assert!(found.images.iter().all(|path| path.starts_with(root)), "a path lies outside the folder");
    dataset.is_ok()
}

/// Creates the entry below `root`. What the file system refuses (a file where a folder is, say) is
/// left out.
fn create(root: &Path, entry: &Entry) {
    let Some(path) = entry.path.iter().take(MAX_DEPTH).map(file_name).collect::<Option<PathBuf>>() else {
        return;
    };
    if path.as_os_str().is_empty() {
        return;
    }
    let path = root.join(path);
    let _ = match &entry.content {
        None => fs::create_dir_all(&path),
        Some(content) => path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, &content[..content.len().min(MAX_FILE_BYTES)])),
    };
}

/// The name as one component of a path, or `None` where it would lead elsewhere.
fn file_name(name: &Name) -> Option<String> {
    let ending = |number: &u8| ENDINGS[usize::from(*number) % ENDINGS.len()];
    let text = match name {
        Name::Known(number) => FOLDERS[usize::from(*number) % FOLDERS.len()].to_owned(),
        Name::Image(number, kind) => format!("{number:03}{}", ending(kind)),
        Name::Mask(number, kind) => format!("{number:03}_mask{}", ending(kind)),
        Name::Other(text) => text.clone(),
    };
    let forbidden = |c: char| matches!(c, '/' | '\\' | ':' | '\0');
    let fits = !text.is_empty() && text.len() <= MAX_NAME_BYTES && text != "." && text != "..";
    (fits && !text.contains(forbidden)).then_some(text)
}

/// A small category, and bytes without an order.
pub(super) fn generated() -> Vec<Vec<u8>> {
    let bytes = |seed: u64| {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..1024).map(|_| next()).collect()
    };
    std::iter::once(category()).chain((1..9).map(bytes)).collect()
}

/// The bytes that [`Arbitrary`] reads as `train/good` and `test/broken` with images.
fn category() -> Vec<u8> {
    const GO_ON: u8 = 1;
    const END: u8 = 0;
    // A quarter of the range of u32 stands for each of the variants of `Name`.
    let known = |folder: &str| {
        let index = FOLDERS.iter().position(|name| *name == folder).unwrap_or_default() as u8;
        [&[GO_ON][..], &0u32.to_le_bytes(), &[index]].concat()
    };
    let image = |number: u8| [&[GO_ON][..], &(1u32 << 30).to_le_bytes(), &[number, 0]].concat();
    let content: Vec<u8> =
        [&b"P5 8 8 255\n"[..], &[100; 64]].concat().iter().flat_map(|&b| [GO_ON, b]).collect();
    let places = [("train", "good", 0), ("train", "good", 1), ("test", "good", 0), ("test", "broken", 0)];
    let entry = |(split, defect, number): (&str, &str, u8)| {
        let path = [known(split), known(defect), image(number)].concat();
        [&[GO_ON][..], &path, &[END, GO_ON], &content, &[END]].concat()
    };
    places.map(entry).concat()
}
