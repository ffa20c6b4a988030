//! Tasks of the project beside cargo's, called as `cargo xtask TASK`. See docs/release.md.

mod archive;
mod build;
mod container;
mod date;
mod debian;
mod dependencies;
mod dist;
mod elf;
mod files;
mod licences;
mod program;
mod sbom;
mod source;
mod tag;
mod target;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

/// Tasks of the project beside cargo's.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Pack a release: archives, Debian package, container image, list of components, checksums.
    Dist(dist::Options),
    /// Write the licences of the libraries that a package links.
    Licences(licences::Options),
    /// Check that a tag names the version of the workspace, and print what CHANGELOG.md says of it.
    Tag(tag::Options),
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Dist(options) => dist::run(&options),
        Task::Licences(options) => licences::run(&options),
        Task::Tag(options) => tag::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line for the user.
fn note(line: &str) {
    _ = writeln!(std::io::stderr(), "{line}");
}
