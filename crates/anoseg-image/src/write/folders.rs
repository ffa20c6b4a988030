//! Folders of results below one that exists.

use std::fs;
use std::io;
use std::path::{Component, Path};

use super::WriteError;

/// The folder that a path lies in; the present one where the path has none.
///
/// ```
/// use std::path::Path;
///
/// use anoseg_image::write::folder_of;
///
/// assert_eq!(folder_of("a/b.png".as_ref()), Path::new("a"));
/// assert_eq!(folder_of("b.png".as_ref()), Path::new("."));
/// ```
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the folders of the file that is called `name` relative to `root`, where they are missing. No
/// link is followed below `root`, and `name` must not lead out of it.
///
/// # Errors
/// A folder cannot be made, a file or a link is in its place, or `name` leads out of `root`.
pub fn make_folders(root: &Path, name: &Path) -> Result<(), WriteError> {
    let mut folder = root.to_owned();
    for component in name.parent().into_iter().flat_map(Path::components) {
        folder.push(component);
        let made = match component {
            Component::Normal(_) => make(&folder),
            _ => Err(io::ErrorKind::InvalidFilename.into()),
        };
        made.map_err(|source| WriteError { path: folder.clone(), source })?;
    }
    Ok(())
}

fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_folder = fs::symlink_metadata(folder)?.is_dir();
            if is_folder { Ok(()) } else { Err(io::ErrorKind::AlreadyExists.into()) }
        }
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_below_the_root_only() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        fs::create_dir(&out).unwrap();
        for _ in 0..2 {
            make_folders(&out, "a/b/x.png".as_ref()).unwrap();
        }
        assert!(out.join("a/b").is_dir());
        assert!(make_folders(&out, "../c/x.png".as_ref()).is_err());
        assert!(make_folders(&out, &root.path().join("c/x.png")).is_err());
        assert!(!root.path().join("c").exists());
        fs::write(out.join("file"), "").unwrap();
        let error = make_folders(&out, "file/x.png".as_ref()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let (out, elsewhere) = (root.path().join("out"), root.path().join("elsewhere"));
        fs::create_dir(&out).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, out.join("a")).unwrap();
        assert!(make_folders(&out, "a/b/x.png".as_ref()).is_err());
        assert!(!elsewhere.join("b").exists());
    }
}
