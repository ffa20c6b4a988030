//! `cargo xtask dist`: the files of a release.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use sha2::{Digest as _, Sha256};

use crate::files::Files;
use crate::source::VERSION;
use crate::target::Target;
use crate::{archive, build, container, debian, dependencies, elf, licences, note, program, sbom, source};

#[derive(Args)]
pub(crate) struct Options {
    /// A target of the compiler, also several times; with --zig, a version of glibc may follow, as in
    /// x86_64-unknown-linux-gnu.2.28 [default: this machine's].
    #[arg(long)]
    target: Vec<String>,
    /// Folder for the files.
    #[arg(long, default_value = "target/dist")]
    out: PathBuf,
    /// Build by cargo-zigbuild, which links for other targets without their compilers.
    #[arg(long, conflicts_with = "from")]
    zig: bool,
    /// Build nothing: take the program, and the library for C where it is there, from this folder.
    #[arg(long)]
    from: Option<PathBuf>,
    /// A program of the same version that runs on this machine, for man pages and completions
    /// [default: the one that is packed].
    #[arg(long)]
    pages_from: Option<PathBuf>,
    /// Maintainer of the Debian package.
    #[arg(long, default_value = "The anoseg authors <anoseg@packages.invalid>")]
    maintainer: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let targets = match &options.target[..] {
        [] => vec![Target::host()?],
        names => names.iter().map(|name| name.as_str().into()).collect(),
    };
    let release = Release { out: &options.out, epoch: source::epoch()? };
    std::fs::create_dir_all(&options.out).with_context(|| options.out.display().to_string())?;
    for target in &targets {
        let folder = match &options.from {
            Some(folder) => folder.clone(),
            None => build::release(target, options.zig)?,
        };
        release.pack(target, &folder, options)?;
    }
    release.write_sums()
}

/// The files that are written, of one time.
struct Release<'a> {
    out: &'a Path,
    epoch: u64,
}

impl Release<'_> {
    /// Packs what a target has.
    fn pack(&self, target: &Target, folder: &Path, options: &Options) -> Result<()> {
        let path = folder.join(target.program());
        let program = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let fits = !target.is_static_linux() || !elf::has_loader(&program);
        ensure!(fits, "{} is not static; the image has no libraries", path.display());
        let pages = program::documents(options.pages_from.as_deref().unwrap_or(&path))?;
        let licences = self.components("anoseg-cli", "anoseg", target)?;
        let mut files = common(&licences)?;
        files.add_program(format!("bin/{}", target.program()), program.clone());
        files.add_all("share", &pages);
        self.archive("anoseg", target, &files)?;
        if target.is_glibc() {
            let package =
                debian::package(&program, &pages, &licences, target, &options.maintainer, self.epoch)?;
            let name = format!("anoseg_{}_{}.deb", debian::version(), target.architecture()?);
            self.write(&name, &package)?;
        }
        if target.is_static_linux() {
            let architecture = target.architecture()?;
            let image = container::image(&program, &common(&licences)?, architecture, self.epoch)?;
            self.write(&format!("anoseg-{VERSION}-image-{architecture}.tar"), &image)?;
        }
        let library = target.library();
        if library.is_empty() || options.from.is_some() && !folder.join(library[0]).is_file() {
            return Ok(());
        }
        let licences = self.components("anoseg-c", "anoseg-c", target)?;
        let mut files = common(&licences)?;
        files.add("include/anoseg.h", source::read("crates/anoseg-c/include/anoseg.h")?);
        for name in library {
            let path = folder.join(name);
            files.add(
                format!("lib/{name}"),
                std::fs::read(&path).with_context(|| path.display().to_string())?,
            );
        }
        self.archive("anoseg-c", target, &files)
    }

    /// Writes the list of a package's components and gives the text of their licences.
    fn components(&self, package: &str, name: &str, target: &Target) -> Result<String> {
        let dependencies = dependencies::of(package, target.triple())?;
        let document = sbom::document(package, target.triple(), &dependencies, self.epoch)?;
        self.write(&format!("{name}-{VERSION}-{}.cdx.json", target.triple()), document.as_bytes())?;
        licences::text(dependencies.values(), target)
    }

    /// Writes files into an archive with one folder.
    fn archive(&self, name: &str, target: &Target, files: &Files) -> Result<()> {
        let name = format!("{name}-{VERSION}-{}", target.triple());
        let mut whole = Files::default();
        whole.add_all(&name, files);
        if target.is_windows() {
            self.write(&format!("{name}.zip"), &archive::zip(&whole, self.epoch)?)
        } else {
            self.write(&format!("{name}.tar.gz"), &archive::gzip(&archive::tar(&whole, self.epoch)?)?)
        }
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.out.join(name);
        std::fs::write(&path, content).with_context(|| path.display().to_string())?;
        note(&format!("{:>11} bytes  {}", content.len(), path.display()));
        Ok(())
    }

    /// Writes `SHA256SUMS` of all files in the folder, those of earlier calls too, in the form that
    /// `sha256sum --check` reads.
    fn write_sums(&self) -> Result<()> {
        let path = self.out.join("SHA256SUMS");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.out).with_context(|| self.out.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.path() != path {
                names.push(entry.file_name().into_string().ok().context("a file with an odd name")?);
            }
        }
        names.sort();
        let mut text = String::new();
        for name in &names {
            let content = std::fs::read(self.out.join(name)).with_context(|| name.clone())?;
            writeln!(text, "{}  {name}", sbom::hex(&Sha256::digest(content)))?;
        }
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

/// What each archive has: how to use it, and under which licences.
fn common(licences: &str) -> Result<Files> {
    let mut files = Files::default();
    for name in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        files.add(name, source::read(name)?);
    }
    files.add("THIRD-PARTY-LICENCES.txt", licences);
    Ok(files)
}
