//! Whether outputs can be written, found out before the work and not after it.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anoseg::SettingError;
use anoseg_image::write;
use anyhow::Result;

use crate::commands::make_folder;

/// Why a file is not replaced, and the way out.
const TAKEN: &str = "the file is there already and holds something that this program did not write, which \
                     would be lost; give another name, or move it away";

/// Bytes at the start of a file that tell whether this program wrote it.
const START_BYTES: u64 = 16 << 10;

/// What is written to a file that an option names.
#[derive(Clone, Copy)]
pub enum Output {
    /// A model file.
    Model,
    /// An HTML report.
    Report,
    /// Figures as JSON.
    Figures,
    /// A model as an ONNX file.
    Onnx,
    /// A man page.
    ManPage,
}

impl Output {
    /// A name that would do.
    fn example(self) -> &'static str {
        match self {
            Self::Model => "model.anoseg",
            Self::Report => "report.html",
            Self::Figures => "figures.json",
            Self::Onnx => "model.onnx",
            Self::ManPage => "anoseg.1",
        }
    }

    /// Whether a file that starts so was written by this program.
    fn is_start_of_ours(self, start: &str) -> bool {
        match self {
            Self::Model => start.contains("{\"__metadata__\":{\"anoseg\":"),
            Self::Report => start.contains("content=\"anoseg"),
            Self::Figures => start.trim_start().starts_with('{') && start.contains("\"schema\""),
            // The version of the format, and then the producer with the length of its name.
            Self::Onnx => start.starts_with("\u{8}\u{8}\u{12}\u{6}anoseg"),
            Self::ManPage => start.contains("\n.TH anoseg"),
        }
    }
}

/// Makes the folder of a file to write, and checks that the file can be written there. `option` is
/// the option that names it.
///
/// # Errors
/// It is a folder or read-only, it holds something that anoseg did not write, or its folder cannot
/// be made or written to.
pub fn prepare_file(path: &Path, option: &str, output: Output) -> Result<()> {
    let refuse = |allowed: String| Err(SettingError::new(option, path, allowed).into());
    // A path that ends with a separator names a folder, whether it exists or not.
    let ends_as_folder = path.as_os_str().as_encoded_bytes().last().is_some_and(|&byte| byte == b'/');
    if ends_as_folder || path.is_dir() {
        return refuse(format!("a folder; give a file such as {}", path.join(output.example()).display()));
    }
    match std::fs::metadata(path) {
        // Nobody may read from a named pipe, and opening it would wait for ever. That of a shell
        // behind /dev/stdout has no path of its own.
        Ok(metadata) if is_pipe(&metadata) && std::fs::canonicalize(path).is_ok() => {
            return refuse("a pipe; give a file, or /dev/stdout".to_owned());
        }
        // A device, such as /dev/null.
        Ok(metadata) if !metadata.is_file() => return Ok(()),
        Ok(metadata) if metadata.permissions().readonly() => {
            return refuse("the file is read-only; give another one, or make it writable".to_owned());
        }
        Ok(_) if !is_replaceable(path, output).map_err(|error| anoseg::Error::io(path, error))? => {
            return refuse(TAKEN.to_owned());
        }
        _ => {}
    }
    prepare_folder(write::folder_of(path))
}

#[cfg(unix)]
fn is_pipe(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_metadata: &Metadata) -> bool {
    false
}

/// Checks that options name outputs apart from each other: of two in one place the second would replace the
/// first. Devices such as /dev/null take any number.
///
/// # Errors
/// Names both options.
pub(crate) fn require_apart(outputs: &[(&str, Option<&Path>)]) -> Result<(), SettingError> {
    let given: Vec<_> = outputs.iter().filter_map(|(option, path)| Some((*option, (*path)?))).collect();
    for (number, (option, path)) in given.iter().enumerate() {
        let is_device = std::fs::metadata(path)
            .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir() && !is_pipe(&metadata));
        let same = given[..number].iter().find(|(_, other)| !is_device && place_of(other) == place_of(path));
        if let Some((other, _)) = same {
            let allowed = format!("{other} names the same; give each its own");
            return Err(SettingError::new(*option, path.display(), allowed));
        }
    }
    Ok(())
}

/// A path by which the same file has one name, also where it does not exist yet.
fn place_of(path: &Path) -> PathBuf {
    if let Ok(whole) = std::fs::canonicalize(path) {
        return whole;
    }
    match (std::fs::canonicalize(write::folder_of(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// Checks that no image of the user lies where a result is to be written.
///
/// # Errors
/// There is a file that is no result.
pub(crate) fn prepare_result(path: &Path, option: &str) -> Result<()> {
    if path.exists() && !write::is_result(path) {
        return Err(SettingError::new(option, path, TAKEN).into());
    }
    Ok(())
}

/// Whether a file is a model, as its first bytes tell.
pub(crate) fn is_model(path: &Path) -> bool {
    // A pipe would be waited for.
    path.is_file() && start_of(path).is_ok_and(|start| Output::Model.is_start_of_ours(&start))
}

/// Whether a file is empty or holds an earlier output of the same kind, as its first bytes tell.
fn is_replaceable(path: &Path, output: Output) -> std::io::Result<bool> {
    let start = start_of(path)?;
    Ok(start.is_empty() || output.is_start_of_ours(&start))
}

fn start_of(path: &Path) -> std::io::Result<String> {
    let mut start = Vec::new();
    File::open(path)?.take(START_BYTES).read_to_end(&mut start)?;
    Ok(String::from_utf8_lossy(&start).into_owned())
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

    /// The second of two outputs once replaced the first.
    #[test]
    fn two_outputs_in_one_place_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("in")).unwrap();
        for (one, other) in [("a", "a"), ("in/../a", "a"), ("no/a", "no/./a")] {
            let (one, other) = (path(one), path(other));
            let refused =
                require_apart(&[("--json", Some(&one)), ("--maps", None), ("--report", Some(&other))]);
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("--json") && text.contains("--report"), "{text}");
        }
        require_apart(&[("--json", Some(&path("a"))), ("--report", Some(&path("in/a")))]).unwrap();
        let null = Some(Path::new("/dev/null"));
        if cfg!(unix) {
            require_apart(&[("--json", null), ("--report", null)]).unwrap();
        }
    }

    #[test]
    fn folders_are_made_and_what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let told = |name: &str| prepare_file(&path(name), "--json", Output::Figures).unwrap_err().to_string();
        prepare_file(&path("new/deep/f.json"), "--json", Output::Figures).unwrap();
        assert!(path("new/deep").is_dir() && !path("new/deep/f.json").exists());
        assert!(told("new").contains("a folder"));
        assert!(told("models/").contains("models/figures.json") && !path("models").exists());
        std::fs::write(path("old"), "").unwrap();
        prepare_file(&path("old"), "--json", Output::Figures).unwrap();
        assert!(prepare_file(&path("old/f.json"), "--json", Output::Figures).is_err());
        for (output, foreign, ours) in [
            (Output::Figures, "{\"my\": 1}", "{\n  \"schema\": 1}"),
            (Output::Report, "<html>mine", "<meta name=\"generator\" content=\"anoseg 1\">"),
            (Output::Model, "my notes", "12345678{\"__metadata__\":{\"anoseg\":\"...\"}}"),
        ] {
            std::fs::write(path("old"), foreign).unwrap();
            let text = prepare_file(&path("old"), "--json", output).unwrap_err().to_string();
            assert!(text.contains("would be lost") && text.contains("old"), "{text}");
            std::fs::write(path("old"), ours).unwrap();
            prepare_file(&path("old"), "--json", output).unwrap();
        }
        #[cfg(unix)]
        {
            let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
            assert!(made.success() && told("pipe").contains("a pipe"));
        }
        let mut permissions = std::fs::metadata(path("old")).unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(path("old"), permissions).unwrap();
        assert!(told("old").contains("read-only"));
    }
}
