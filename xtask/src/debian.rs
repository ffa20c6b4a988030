//! The Debian package: program, man pages, completions, and a unit of systemd that is not enabled.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use md5::{Digest as _, Md5};

use crate::date::Date;
use crate::files::Files;
use crate::source::VERSION;
use crate::target::Target;
use crate::{archive, elf, source};

/// Where the completions of each shell lie.
const COMPLETIONS: [(&str, &str); 3] = [
    ("completions/anoseg.bash", "usr/share/bash-completion/completions/anoseg"),
    ("completions/_anoseg", "usr/share/zsh/vendor-completions/_anoseg"),
    ("completions/anoseg.fish", "usr/share/fish/vendor_completions.d/anoseg.fish"),
];

/// Scripts that dpkg runs, from deploy/debian.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// The version as Debian orders it: one before a release, such as 1.0.0-rc.1, is below it.
pub(crate) fn version() -> String {
    format!("{}-1", VERSION.replace('-', "~"))
}

/// The package. `documents` are the man pages and completions that the program writes; `licences` is the text of the
/// licences of others.
pub(crate) fn package(
    program: &[u8],
    documents: &Files,
    licences: &str,
    target: &Target,
    maintainer: &str,
    epoch: u64,
) -> Result<Vec<u8>> {
    let mut files = Files::default();
    files.add_program("usr/bin/anoseg", program);
    for (path, entry) in &documents.entries {
        let (Some(name), Some(page)) = (path.strip_prefix("man/man1/"), &entry.content) else { continue };
        files.add(format!("usr/share/man/man1/{name}.gz"), archive::gzip(page)?);
    }
    for (from, to) in COMPLETIONS {
        let script = documents.entries.get(from).and_then(|entry| entry.content.clone());
        files.add(to, script.with_context(|| format!("{from} is missing"))?);
    }
    let unit = source::read_text("deploy/anoseg.service")?.replace("/usr/local/bin/", "/usr/bin/");
    files.add("usr/lib/systemd/system/anoseg.service", unit);
    let folder = "usr/share/doc/anoseg";
    files.add(format!("{folder}/copyright"), source::read("deploy/debian/copyright")?);
    files.add(format!("{folder}/README.Debian"), source::read("deploy/debian/README.Debian")?);
    files.add(format!("{folder}/changelog.gz"), archive::gzip(&source::read("CHANGELOG.md")?)?);
    files.add(
        format!("{folder}/changelog.Debian.gz"),
        archive::gzip(changelog(maintainer, epoch).as_bytes())?,
    );
    files.add(format!("{folder}/third-party-licences.txt.gz"), archive::gzip(licences.as_bytes())?);
    files.add("usr/share/lintian/overrides/anoseg", source::read("deploy/debian/lintian-overrides")?);
    let mut about = Files::default();
    about.add("control", control(program, &files, target, maintainer)?);
    about.add("md5sums", sums(&files)?);
    for name in SCRIPTS {
        about.add_program(name, source::read(&format!("deploy/debian/{name}"))?);
    }
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", archive::gzip(&archive::tar(&below(&about), epoch)?)?),
        ("data.tar.gz", archive::gzip(&archive::tar(&below(&files), epoch)?)?),
    ];
    Ok(ar(&members, epoch))
}

/// The files with paths that begin with `./`, as dpkg has them.
fn below(files: &Files) -> Files {
    let mut below = Files::default();
    below.add_all(".", files);
    below
}

fn control(program: &[u8], files: &Files, target: &Target, maintainer: &str) -> Result<String> {
    let mut needs = Vec::new();
    if let Some(minor) = elf::glibc_minor(program) {
        needs.push(format!("libc6 (>= 2.{minor})"));
    }
    if elf::names(program, "libgcc_s.so.1") {
        needs.push("libgcc-s1".to_owned());
    }
    let depends = if needs.is_empty() { String::new() } else { format!("Depends: {}\n", needs.join(", ")) };
    let size = |content: &Option<Vec<u8>>| content.as_ref().map_or(1, |bytes| bytes.len().div_ceil(1024));
    let size: usize = files.entries.values().map(|entry| size(&entry.content)).sum();
    Ok(format!(
        "Package: anoseg\nVersion: {}\nSection: science\nPriority: optional\nArchitecture: {}\n\
         Maintainer: {maintainer}\nInstalled-Size: {size}\n{depends}\
         Description: visual inspection that learns from images of good parts\n \
         anoseg trains on images of good parts only and segments defects, pixel by\n \
         pixel, on a processor without a GPU. The package has the program with its\n \
         server for HTTP and gRPC, and a unit of systemd for that, which is not\n enabled.\n",
        version(),
        target.architecture()?
    ))
}

fn changelog(maintainer: &str, epoch: u64) -> String {
    let date = Date::new(epoch).mail();
    format!(
        "anoseg ({}) unstable; urgency=medium\n\n  * Version {VERSION}; see changelog.gz.\n\n \
         -- {maintainer}  {date}\n",
        version()
    )
}

fn sums(files: &Files) -> Result<String> {
    let mut sums = String::new();
    for (path, entry) in &files.entries {
        if let Some(content) = &entry.content {
            writeln!(sums, "{}  {path}", crate::sbom::hex(&Md5::digest(content)))?;
        }
    }
    Ok(sums)
}

/// An archive in the format of `ar`.
fn ar(members: &[(&str, Vec<u8>)], epoch: u64) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!("{name:<16}{epoch:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", content.len());
        archive.extend(header.bytes());
        archive.extend(content);
        if content.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}
