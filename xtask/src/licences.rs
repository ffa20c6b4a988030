//! The licences of what a program contains that others wrote: crates, the standard library of Rust, musl.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::dependencies::{self, Dependency};
use crate::source;
use crate::target::Target;

#[derive(Args)]
pub(crate) struct Options {
    /// The package, such as anoseg-python.
    #[arg(long)]
    package: String,
    /// The target of the compiler [default: this machine's].
    #[arg(long)]
    target: Option<String>,
    /// The file to write.
    file: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let target = options.target.as_deref().map_or_else(Target::host, |name| Ok(name.into()))?;
    let dependencies = dependencies::of(&options.package, target.triple())?;
    let text = text(dependencies.values(), &target)?;
    std::fs::write(&options.file, text).with_context(|| options.file.display().to_string())
}

/// Beginnings of the names of files that hold licences, in lower case.
const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];

/// Folders below a crate's that are searched: of bundled sources in C, such as `c_src/mimalloc`.
const DEPTH: usize = 3;

/// Texts by what they say, with who they are of. Texts that differ by spaces and line breaks are one.
#[derive(Default)]
struct Texts {
    by_words: BTreeMap<String, (String, Vec<String>)>,
}

impl Texts {
    fn add(&mut self, text: &str, of: &str) {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (_, owners) = self.by_words.entry(words).or_insert_with(|| (text.trim().to_owned(), Vec::new()));
        if owners.last().is_none_or(|last| last != of) {
            owners.push(of.to_owned());
        }
    }
}

/// A list of the crates and the texts of their licences.
pub(crate) fn text<'a>(
    dependencies: impl IntoIterator<Item = &'a Dependency>,
    target: &Target,
) -> Result<String> {
    let (mut texts, mut list) = (Texts::default(), String::new());
    for dependency in dependencies.into_iter().filter(|dependency| dependency.checksum.is_some()) {
        let name = format!("{} {}", dependency.name, dependency.version);
        let repository = dependency.repository.as_deref().unwrap_or("https://crates.io");
        writeln!(list, "{name}: {} ({repository})", dependency.licence)?;
        let mut files = Vec::new();
        find(&dependency.folder, DEPTH, &mut files)?;
        files.sort();
        for file in &files {
            texts.add(&read(file)?, &name);
        }
        if files.is_empty() {
            for text in common(&dependency.licence)? {
                texts.add(&text, &format!("{name} (without a text of its own)"));
            }
        }
    }
    let rust = PathBuf::from(source::output(Command::new("rustc").args(["--print", "sysroot"]))?.trim())
        .join("share/doc/rust/COPYRIGHT-library.html");
    list.push_str("the standard library of Rust: MIT OR Apache-2.0 (https://github.com/rust-lang/rust)\n");
    texts.add(&plain(&read(&rust)?), "the standard library of Rust");
    if target.is_static_linux() {
        list.push_str("musl: MIT (https://musl.libc.org)\n");
        texts.add(&source::read_text("xtask/licences/musl.txt")?, "musl");
    }
    let mut texts: Vec<_> = texts.by_words.into_values().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    let mut whole = format!("Other people's work in this program, and its licences.\n\n{list}");
    for (text, of) in texts {
        write!(whole, "\n{}\n{}\n\n{text}\n", "=".repeat(80), of.join(", "))?;
    }
    Ok(whole)
}

/// Finds files with licences in a folder.
fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let is_code = [".rs", ".py", ".sh"].iter().any(|ending| name.ends_with(ending));
        if entry.file_type()?.is_dir() {
            if depth > 0 {
                find(&entry.path(), depth - 1, found)?;
            }
        } else if NAMES.iter().any(|start| name.starts_with(start)) && !is_code {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// The texts that a crate without a file of its own refers to.
fn common(licence: &str) -> Result<Vec<String>> {
    let names = [("MIT", "LICENSE-MIT"), ("Apache-2.0", "LICENSE-APACHE")];
    let named = names.iter().filter(|(name, _)| licence.contains(name));
    let texts: Vec<String> = named.map(|(_, file)| source::read_text(file)).collect::<Result<_>>()?;
    // The copyright of this project is not theirs.
    Ok(texts.iter().map(|text| text.replace("Copyright (c) 2026 The anoseg authors\n\n", "")).collect())
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    Ok(String::from_utf8_lossy(&bytes).replace('\r', ""))
}

/// The text of a simple page of HTML.
fn plain(page: &str) -> String {
    let mut text = String::new();
    for (number, part) in page.split('<').enumerate() {
        text.push_str(if number == 0 { part } else { part.split_once('>').map_or("", |(_, after)| after) });
    }
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text, |text, (escape, character)| text.replace(escape, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_by_line_breaks_are_listed_once() {
        let mut texts = Texts::default();
        texts.add("Permission is\ngranted.", "a 1");
        texts.add("Permission is granted.\n", "b 1");
        texts.add("Permission is refused.", "c 1");
        let owners: Vec<_> = texts.by_words.values().map(|(_, owners)| owners.join(", ")).collect();
        assert_eq!(owners, ["a 1, b 1", "c 1"]);
    }

    #[test]
    fn every_crate_of_the_library_for_c_has_a_licence_and_a_text() {
        let dependencies = dependencies::of("anoseg-c", "x86_64-unknown-linux-musl").unwrap();
        let text = text(dependencies.values(), &"x86_64-unknown-linux-musl".into()).unwrap();
        for dependency in dependencies.values().filter(|dependency| dependency.checksum.is_some()) {
            let name = format!("{} {}", dependency.name, dependency.version);
            assert!(text.matches(&name).count() >= 2, "{name} has no text");
        }
        for words in ["Rich Felker", "the standard library of Rust", "Apache License"] {
            assert!(text.contains(words), "{words}");
        }
        assert!(!text.contains("NOASSERTION") && !text.contains("The anoseg authors"));
    }

    #[test]
    fn a_page_becomes_text() {
        assert_eq!(plain("<p class=\"a\">A &amp; B</p>\n<b>&lt;c&gt;</b>"), "A & B\n<c>");
    }
}
