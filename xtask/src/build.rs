//! The program and the library for C, as cargo builds them for a release.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::source;
use crate::target::Target;

/// Separates the flags in `CARGO_ENCODED_RUSTFLAGS`.
const BETWEEN_FLAGS: &str = "\u{1f}";

/// Builds what a target has, one after the other, and gives the folder with it. The library is built by itself, so
/// that it does not get the features of training.
pub(crate) fn release(target: &Target, with_zig: bool) -> Result<PathBuf> {
    package(target, with_zig, &["--package", "anoseg-cli", "--bin", "anoseg"])?;
    if !target.library().is_empty() {
        package(target, with_zig, &["--package", "anoseg-c"])?;
    }
    Ok(target_folder().join(target.triple()).join("release"))
}

fn package(target: &Target, with_zig: bool, what: &[&str]) -> Result<()> {
    let mut command = source::cargo();
    command.arg(if with_zig { "zigbuild" } else { "build" });
    command.args(["--release", "--locked", "--target"]);
    command.arg(if with_zig { &target.name } else { target.triple() }).args(what);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(target)).env("CARGO_TARGET_DIR", target_folder());
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// Flags that keep the folders of this machine, and with them names of users, out of the program. On Windows it needs
/// no library of the compiler.
fn flags(target: &Target) -> String {
    let folders =
        [source::cargo_home().map(|home| (home, "/cargo")), Some((source::root().into(), "/anoseg"))];
    let flags = folders
        .into_iter()
        .flatten()
        .map(|(folder, name): (PathBuf, _)| format!("--remap-path-prefix={}={name}", folder.display()));
    let runtime = target.triple().ends_with("-msvc").then(|| "-Ctarget-feature=+crt-static".to_owned());
    flags.chain(runtime).collect::<Vec<_>>().join(BETWEEN_FLAGS)
}

/// The folder for what cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    source::root().join(chosen.unwrap_or_else(|| Path::new("target").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Crates that compute, and those that are linked into a program or a library, by profile. Where crates are
    /// optimised together (`lto`), the level of the one that is linked is that of all.
    #[test]
    fn what_computes_and_what_is_linked_is_fully_optimised() {
        let manifest: toml::Table = source::read_text("Cargo.toml").unwrap().parse().unwrap();
        let computing =
            ["image", "infer", "kernels", "metrics", "synth", "train"].map(|name| format!("anoseg-{name}"));
        for (profile, linked) in [
            ("release", &["anoseg-cli", "anoseg-c", "anoseg-python", "anoseg-web"][..]),
            ("wheel", &["anoseg-python"]),
            ("web", &["anoseg-web"]),
        ] {
            let settings = &manifest["profile"][profile];
            assert!(settings.get("opt-level").is_none(), "{profile} has 3 by default");
            assert!(settings.get("lto").is_some(), "kernels are slow without");
            for package in computing.iter().map(String::as_str).chain(["pulp"]).chain(linked.iter().copied())
            {
                let own = settings.get("package").and_then(|packages| packages.get(package));
                let level = own.and_then(|own| own.get("opt-level"));
                assert!(level.is_none(), "{package} is not fully optimised in profile {profile}");
            }
        }
    }
}
