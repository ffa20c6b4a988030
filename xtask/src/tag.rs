//! `cargo xtask tag`: whether a tag may become a release.

use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::source::{self, VERSION};

#[derive(Args)]
pub(crate) struct Options {
    /// The tag, such as v1.0.0.
    tag: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let notes = notes(&options.tag, VERSION, &source::read_text("CHANGELOG.md")?)?;
    Ok(writeln!(std::io::stdout(), "{notes}")?)
}

/// What the changelog says of the version that the tag names.
fn notes(tag: &str, version: &str, changelog: &str) -> Result<String> {
    ensure!(
        tag.strip_prefix('v') == Some(version),
        "the tag {tag} does not name the workspace's version {version}; tag v{version}, or change the version in \
         Cargo.toml"
    );
    let heading =
        |line: &str| line.strip_prefix("## ").map(|rest| rest.split([' ', ',']).next() == Some(version));
    let mut lines = changelog.lines().skip_while(|line| heading(line) != Some(true));
    lines.next().with_context(|| {
        format!("CHANGELOG.md has no heading \"## {version}\"; name the section \"## Unreleased\" so")
    })?;
    let notes: Vec<&str> = lines.take_while(|line| heading(line).is_none()).collect();
    let notes = notes.join("\n").trim().to_owned();
    ensure!(!notes.is_empty(), "CHANGELOG.md says nothing of version {version}");
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str =
        "# Changelog\n\n## Unreleased\n\n- c\n\n## 1.1.0, 2026-12-01\n\n### Added\n\n- b\n\n## 1.1\n- a\n";

    #[test]
    fn notes_are_the_section_of_the_version() {
        assert_eq!(notes("v1.1.0", "1.1.0", CHANGELOG).unwrap(), "### Added\n\n- b");
        assert_eq!(notes("v1.1", "1.1", CHANGELOG).unwrap(), "- a");
    }

    #[test]
    fn a_tag_of_another_version_and_a_version_without_notes_are_refused() {
        for tag in ["1.1.0", "v1.1.1", "v1.1"] {
            let told = notes(tag, "1.1.0", CHANGELOG).unwrap_err().to_string();
            assert!(told.contains(tag) && told.contains("tag v1.1.0"), "{told}");
        }
        let told = notes("v2.0.0", "2.0.0", CHANGELOG).unwrap_err().to_string();
        assert!(told.contains("\"## 2.0.0\"") && told.contains("Unreleased"), "{told}");
    }
}
