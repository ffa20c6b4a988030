//! What the program writes about itself: man pages and completions.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::files::Files;
use crate::source;

/// Shells that completions are written for, and the names of the files.
const SHELLS: [(&str, &str); 4] =
    [("bash", "anoseg.bash"), ("zsh", "_anoseg"), ("fish", "anoseg.fish"), ("powershell", "_anoseg.ps1")];

/// `man/man1/*.1` and `completions/*`, as the program writes them.
pub(crate) fn documents(program: &Path) -> Result<Files> {
    let told = source::output(Command::new(program).arg("--version")).context(
        "man pages and completions are written by the program; --pages-from names one that runs here",
    )?;
    let version = format!("anoseg {}", source::VERSION);
    ensure!(told.trim() == version, "{} is {}, not {version}; build it anew", program.display(), told.trim());
    let mut files = Files::default();
    for (shell, name) in SHELLS {
        files.add(
            format!("completions/{name}"),
            source::output(Command::new(program).args(["completions", shell]))?,
        );
    }
    let folder = scratch()?;
    let written = source::output(Command::new(program).arg("man").arg(&folder)).and_then(|_| {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().ok().context("a page without a name")?;
            files.add(format!("man/man1/{name}"), std::fs::read(entry.path())?);
        }
        Ok(())
    });
    std::fs::remove_dir_all(&folder)?;
    written.map(|()| files)
}

/// An empty folder of this process alone.
fn scratch() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("anoseg-man-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}
