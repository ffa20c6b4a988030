//! Whether outputs can be written, found out before the work and not after it.

use std::path::Path;

use anoseg::SettingError;
use anyhow::Result;

use crate::commands::make_folder;

/// Makes the folder of a file to write, and checks that the file can be written there. `option` is
/// the option that names it, and `example` a name that would do.
///
/// # Errors
/// It is a folder or read-only, or its folder cannot be made or written to.
pub(crate) fn prepare_file(path: &Path, option: &str, example: &str) -> Result<()> {
    let refuse = |allowed: String| Err(SettingError::new(option, path, allowed).into());
    // A path that ends with a separator names a folder, whether it exists or not.
    let ends_as_folder = path.as_os_str().as_encoded_bytes().last().is_some_and(|&byte| byte == b'/');
    if ends_as_folder || path.is_dir() {
        return refuse(format!("a folder; give a file such as {}", path.join(example).display()));
    }
    match std::fs::metadata(path) {
        // A device or a pipe, such as /dev/stdout.
        Ok(metadata) if !metadata.is_file() => return Ok(()),
        Ok(metadata) if metadata.permissions().readonly() => {
            return refuse("the file is read-only; give another one, or make it writable".to_owned());
        }
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    prepare_folder(folder)
}

/// Makes a folder and checks that files can be written into it.
///
/// # Errors
/// It cannot be made or written to.
pub(crate) fn prepare_folder(folder: &Path) -> Result<()> {
    make_folder(folder)?;
    // The name of the file that is tried is none of the user's business.
    let unwritable = |error: std::io::Error| anoseg::Error::io(folder, error.kind().into());
    tempfile::tempfile_in(folder).map(drop).map_err(unwritable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_and_what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let told = |name: &str| prepare_file(&path(name), "--json", "f.json").unwrap_err().to_string();
        prepare_file(&path("new/deep/f.json"), "--json", "f.json").unwrap();
        assert!(path("new/deep").is_dir() && !path("new/deep/f.json").exists());
        assert!(told("new").contains("a folder"));
        assert!(told("models/").contains("models/f.json") && !path("models").exists());
        std::fs::write(path("old"), "").unwrap();
        prepare_file(&path("old"), "--json", "f.json").unwrap();
        assert!(prepare_file(&path("old/f.json"), "--json", "f.json").is_err());
        let mut permissions = std::fs::metadata(path("old")).unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(path("old"), permissions).unwrap();
        assert!(told("old").contains("read-only"));
    }
}
