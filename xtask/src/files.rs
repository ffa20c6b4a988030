//! The files of a package.

use std::collections::BTreeMap;

/// A file or a folder of a package.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The permissions, such as 0o644.
    pub(crate) mode: u32,
    /// The number of the user and of the group.
    pub(crate) owner: u32,
    /// None for a folder.
    pub(crate) content: Option<Vec<u8>>,
}

/// Files by their paths inside the package, which are separated by `/` and sorted.
#[derive(Clone, Default)]
pub(crate) struct Files {
    pub(crate) entries: BTreeMap<String, Entry>,
}

impl Files {
    /// Adds a file that all may read.
    pub(crate) fn add(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.insert(path.into(), Entry { mode: 0o644, owner: 0, content: Some(content.into()) });
    }

    /// Adds a file that all may run.
    pub(crate) fn add_program(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.insert(path.into(), Entry { mode: 0o755, owner: 0, content: Some(content.into()) });
    }

    /// Adds an empty folder.
    pub(crate) fn add_folder(&mut self, path: impl Into<String>, mode: u32, owner: u32) {
        self.insert(path.into(), Entry { mode, owner, content: None });
    }

    /// Adds files below a folder.
    pub(crate) fn add_all(&mut self, folder: &str, files: &Files) {
        for (path, entry) in &files.entries {
            self.insert(format!("{folder}/{path}"), entry.clone());
        }
    }

    /// Adds an entry and the folders above it that are not there yet.
    fn insert(&mut self, path: String, entry: Entry) {
        for (end, _) in path.match_indices('/') {
            let folder = Entry { mode: 0o755, owner: 0, content: None };
            self.entries.entry(path[..end].to_owned()).or_insert(folder);
        }
        self.entries.insert(path, entry);
    }
}
