//! A target of the compiler, as the packages name it.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::source;

/// A target, with the oldest glibc that the program may find, such as `x86_64-unknown-linux-gnu.2.28`.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// As it was given.
    pub(crate) name: String,
}

impl Target {
    /// That of this machine.
    pub(crate) fn host() -> Result<Self> {
        let told = source::output(Command::new("rustc").arg("-vV"))?;
        let host = told.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(Self { name: host.context("rustc -vV names no host")?.to_owned() })
    }

    /// The name without a version of glibc.
    pub(crate) fn triple(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }

    pub(crate) fn is_windows(&self) -> bool {
        self.triple().contains("windows")
    }

    /// Whether programs need the libraries of a Linux system with glibc.
    pub(crate) fn is_glibc(&self) -> bool {
        self.triple().ends_with("-linux-gnu")
    }

    /// Whether programs need nothing but a Linux kernel.
    pub(crate) fn is_static_linux(&self) -> bool {
        self.triple().ends_with("-linux-musl")
    }

    /// The processor as Debian and containers name it.
    pub(crate) fn architecture(&self) -> Result<&'static str> {
        match self.triple().split('-').next() {
            Some("x86_64") => Ok("amd64"),
            Some("aarch64") => Ok("arm64"),
            _ => bail!("{}: packages and images are made for x86_64 and aarch64 alone", self.name),
        }
    }

    /// The file of the program.
    pub(crate) fn program(&self) -> &'static str {
        if self.is_windows() { "anoseg.exe" } else { "anoseg" }
    }

    /// The files of the library for C; none where only static libraries can be built.
    pub(crate) fn library(&self) -> &'static [&'static str] {
        if self.is_static_linux() {
            &[]
        } else if self.triple().contains("windows-msvc") {
            &["anoseg_c.dll", "anoseg_c.dll.lib"]
        } else if self.is_windows() {
            &["anoseg_c.dll", "libanoseg_c.dll.a"]
        } else if self.triple().contains("apple") {
            &["libanoseg_c.dylib"]
        } else {
            &["libanoseg_c.so"]
        }
    }
}

impl From<&str> for Target {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}
