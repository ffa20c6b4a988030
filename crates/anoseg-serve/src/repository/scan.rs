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

/// Model files that lie where no version is looked for, and where they belong, in words.
pub(super) fn misplaced(root: &Path) -> Vec<String> {
    let mut told = Vec::new();
    for path in entries(root) {
        if is_model_file(&path) {
            told.push(format!("{}: put it into {}/NAME/1/{MODEL_FILE}", path.display(), root.display()));
        }
        for version in entries(&path) {
            let belongs = || format!("{}/VERSION/{MODEL_FILE}, VERSION being 1, 2, 3, ...", path.display());
            if is_model_file(&version) {
                told.push(format!("{}: put it into {}", version.display(), belongs()));
            }
            let is_version = version.file_name().and_then(|name| self::version(name.to_str()?)).is_some();
            let wrong = |file: &PathBuf| is_model_file(file) && !(is_version && file.ends_with(MODEL_FILE));
            told.extend(
                entries(&version)
                    .into_iter()
                    .filter(wrong)
                    .map(|file| format!("{}: put it into {}", file.display(), belongs())),
            );
        }
    }
    told
}

/// What lies in a folder that is not hidden, sorted; nothing where it is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let shown = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut paths: Vec<PathBuf> = shown.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn is_model_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "anoseg") && path.is_file()
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

    #[test]
    fn model_files_in_other_places_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in [
            "top.anoseg",
            "part/1/model.anoseg",
            "part/v2/model.anoseg",
            "part/3/part.anoseg",
            "cap/cap.anoseg",
        ] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let told = misplaced(root);
        let names = ["cap/cap.anoseg", "part/3/part.anoseg", "part/v2/model.anoseg", "top.anoseg"];
        assert_eq!(told.len(), names.len(), "{told:?}");
        for (line, name) in told.iter().zip(names) {
            assert!(line.starts_with(&root.join(name).display().to_string()), "{line}");
        }
    }
}
