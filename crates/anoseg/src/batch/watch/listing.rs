//! A listing of a folder in small steps, so that events are not kept waiting.

use std::collections::HashSet;
use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

/// A listing under way.
pub(super) struct Listing {
    waiting: Vec<PathBuf>,
    current: Option<ReadDir>,
    /// Real paths, so that links to folders do not go round.
    visited: HashSet<PathBuf>,
    /// A folder that is not listed, by its real path.
    excluded: Option<PathBuf>,
    /// Whether nothing failed.
    pub(super) complete: bool,
    /// Files so far.
    pub(super) files: usize,
}

/// An entry of a folder.
pub(super) enum Item {
    File(PathBuf),
    Folder(PathBuf),
}

impl Listing {
    pub(super) fn of(root: &Path, excluded: Option<PathBuf>) -> Self {
        let waiting = vec![root.to_owned()];
        Self { waiting, current: None, visited: HashSet::new(), excluded, complete: true, files: 0 }
    }

    /// The next entry; None at the end. A folder is given before its files are read, so that it can
    /// be watched without a gap.
    pub(super) fn next(&mut self, on_folder: &mut dyn FnMut(&Path)) -> Option<PathBuf> {
        loop {
            let Some(entries) = &mut self.current else {
                let folder = self.waiting.pop()?;
                self.enter(&folder, on_folder);
                continue;
            };
            match entries.next() {
                None => self.current = None,
                Some(Err(_)) => self.complete = false,
                Some(Ok(entry)) => match item(&entry) {
                    Ok(Some(Item::Folder(folder))) => self.waiting.push(folder),
                    Ok(Some(Item::File(file))) => {
                        self.files += 1;
                        return Some(file);
                    }
                    Ok(None) => {}
                    Err(error) => self.complete &= error.kind() == io::ErrorKind::NotFound,
                },
            }
        }
    }

    fn enter(&mut self, folder: &Path, on_folder: &mut dyn FnMut(&Path)) {
        let real = fs::canonicalize(folder);
        let is_new = real
            .as_ref()
            .is_ok_and(|real| self.excluded.as_ref() != Some(real) && self.visited.insert(real.clone()));
        if is_new {
            on_folder(folder);
            self.current = fs::read_dir(folder).ok();
        }
        self.complete &= real.is_ok() && (!is_new || self.current.is_some());
    }
}

/// None for what is not looked at.
fn item(entry: &fs::DirEntry) -> io::Result<Option<Item>> {
    let path = entry.path();
    if !may_be_image(&path) {
        return Ok(None);
    }
    let mut kind = entry.file_type()?;
    if kind.is_symlink() {
        kind = fs::metadata(&path)?.file_type();
    }
    Ok(if kind.is_dir() { Some(Item::Folder(path)) } else { kind.is_file().then_some(Item::File(path)) })
}

/// Whether a name is neither hidden nor that of a file that is being written.
pub(super) fn may_be_image(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    !name.starts_with('.') && ![".tmp", ".part", ".crdownload", "~"].iter().any(|end| name.ends_with(end))
}
