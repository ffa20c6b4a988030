//! The source that is packed: where it is, its version, its time.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The version of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Reads a file of the workspace.
pub(crate) fn read(name: &str) -> Result<Vec<u8>> {
    let path = root().join(name);
    std::fs::read(&path).with_context(|| path.display().to_string())
}

/// Reads a text of the workspace.
pub(crate) fn read_text(name: &str) -> Result<String> {
    String::from_utf8(read(name)?).with_context(|| name.to_owned())
}

/// The seconds since 1970 that all files of a release have: those of `SOURCE_DATE_EPOCH`, otherwise those of the last
/// commit.
pub(crate) fn epoch() -> Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => output(Command::new("git").args(["log", "-1", "--format=%ct"])).context(
            "the time of the last commit is not known; set SOURCE_DATE_EPOCH to seconds since 1970",
        )?,
    };
    text.trim().parse().with_context(|| format!("SOURCE_DATE_EPOCH is {text:?}; give seconds since 1970"))
}

/// The folder in which cargo keeps the sources of dependencies.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// What a command, run in the folder of the workspace, writes to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.current_dir(root()).output().with_context(|| name.clone())?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).context(name)
}
