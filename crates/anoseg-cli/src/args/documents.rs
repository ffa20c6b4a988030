//! Options of the commands that describe the command line itself.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Args)]
pub(crate) struct Completions {
    /// The shell. For bash: `anoseg completions bash > ~/.local/share/bash-completion/completions/anoseg`.
    pub(crate) shell: Shell,
}

#[derive(Args)]
pub(crate) struct ManPages {
    /// Folder for the pages `anoseg.1`, `anoseg-train.1` and so on.
    pub(crate) folder: PathBuf,
}
