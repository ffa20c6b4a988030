//! Dataset folders: any tree of file names and small files gives an error or a dataset whose images lie in the
//! folder.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::{Dataset, Limits};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// A part of a path. Names with a meaning in the MVTec AD layout are likelier than any others.
#[derive(Arbitrary, Debug)]
enum Name {
    Train,
    Test,
    GroundTruth,
    Good,
    Defect,
    Image(u8, Extension),
    Mask(u8, Extension),
    Other(String),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Extension {
    Png,
    UpperPng,
    Jpeg,
    Tiff,
    Text,
    None,
}

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

fuzz_target!(|entries: Vec<Entry>| {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for entry in entries.iter().take(MAX_ENTRIES) {
        create(folder.path(), entry);
    }
    if let Ok(dataset) = Dataset::open(folder.path()) {
        let images = dataset.train.iter().chain(dataset.test.iter().map(|image| &image.path));
        let masks = dataset.test.iter().filter_map(|image| image.mask.as_ref());
        assert!(images.chain(masks).all(|path| path.starts_with(folder.path())));
        let _ = dataset.check_masks(&Limits::default());
    }
});

/// Creates the entry below `root`. What the file system refuses (a file where a folder is, say) is left out.
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
    let text = match name {
        Name::Train => "train".into(),
        Name::Test => "test".into(),
        Name::GroundTruth => "ground_truth".into(),
        Name::Good => "good".into(),
        Name::Defect => "broken".into(),
        Name::Image(number, extension) => format!("{number:03}{}", suffix(*extension)),
        Name::Mask(number, extension) => format!("{number:03}_mask{}", suffix(*extension)),
        Name::Other(text) => text.clone(),
    };
    let forbidden = |c: char| matches!(c, '/' | '\\' | ':' | '\0');
    let fits = !text.is_empty() && text.len() <= MAX_NAME_BYTES && text != "." && text != "..";
    (fits && !text.contains(forbidden)).then_some(text)
}

fn suffix(extension: Extension) -> &'static str {
    match extension {
        Extension::Png => ".png",
        Extension::UpperPng => ".PNG",
        Extension::Jpeg => ".jpg",
        Extension::Tiff => ".tif",
        Extension::Text => ".txt",
        Extension::None => "",
    }
}
