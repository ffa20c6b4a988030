//! What a folder of models holds: `<repository>/<model>/<version>/model.anoseg`.
//!
//! Names come from this listing alone. A name in a request is compared with them and never becomes a
//! part of a path.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The name of a model's file in the folder of its version.
const MODEL_FILE: &str = "model.anoseg";

/// The models of a folder by name, and their versions.
pub(super) type Listing = BTreeMap<String, BTreeMap<u64, Found>>;

/// The file of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The folder of the version.
    pub(super) folder: PathBuf,
    pub(super) stamp: Stamp,
}

impl Found {
    pub(super) fn model(&self) -> PathBuf {
        self.folder.join(MODEL_FILE)
    }

    /// The file's present stamp; None if it is gone.
    pub(super) fn stamp_now(&self) -> Option<Stamp> {
        std::fs::metadata(self.model()).ok().map(|metadata| Stamp::of(&metadata))
    }
}

/// What changes when a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    file: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let file = 0;
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), file }
    }
}

/// Lists a folder of models. What has other names is passed over.
///
/// # Errors
/// The folder itself cannot be listed.
pub(super) fn list(root: &Path) -> io::Result<Listing> {
    let mut models = Listing::new();
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().filter(|name| is_name(name));
        let Some(name) = name else { continue };
        let versions = versions(&entry.path());
        if !versions.is_empty() {
            models.insert(name, versions);
        }
    }
    Ok(models)
}

/// The versions in the folder of a model. One that cannot be listed has none.
fn versions(folder: &Path) -> BTreeMap<u64, Found> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let version = version(entry.file_name().to_str()?)?;
        let folder = entry.path();
        let metadata = std::fs::metadata(folder.join(MODEL_FILE)).ok().filter(Metadata::is_file)?;
        Some((version, Found { folder, stamp: Stamp::of(&metadata) }))
    });
    found.collect()
}

/// Whether the name of a folder is one for a model: shown as it is, neither hidden nor a path.
fn is_name(name: &str) -> bool {
    let plain = |c: char| !anoseg_image::text::is_unseen(c) && c != '/' && c != '\\';
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

/// A version's number: a positive integer in its only form, so that no two folders have one number.
pub(crate) fn version(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_positive_integer_in_its_only_form() {
        assert_eq!(version("1"), Some(1));
        assert_eq!(version("18446744073709551615"), Some(u64::MAX));
        for other in ["", "0", "01", "+1", "-1", "1.0", " 1", "18446744073709551616", "v1", "..", "1/2"] {
            assert_eq!(version(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_no_model_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in [
            "part/1/model.anoseg",
            "part/02/model.anoseg",
            "part/3/other",
            ".hidden/1/model.anoseg",
            "a\u{7}/1/model.anoseg",
        ] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::write(root.join("file"), "x").unwrap();
        std::fs::create_dir_all(root.join("folder/4/model.anoseg")).unwrap();
        let listing = list(root).unwrap();
        assert_eq!(listing.keys().collect::<Vec<_>>(), ["part"]);
        assert_eq!(listing["part"].keys().collect::<Vec<_>>(), [&1]);
        assert!(list(&root.join("none")).is_err());
    }
}
