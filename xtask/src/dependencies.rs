//! The crates that a package links, as cargo resolves them for a target.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::source;

/// A crate that is linked.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) version: String,
    /// As an expression of SPDX.
    pub(crate) licence: String,
    pub(crate) repository: Option<String>,
    /// The folder with its source.
    pub(crate) folder: PathBuf,
    /// SHA-256 of its file on crates.io; none for crates of the workspace.
    pub(crate) checksum: Option<String>,
    /// Names and versions of the linked crates that it uses itself.
    pub(crate) uses: BTreeSet<(String, String)>,
}

/// The crates that `package` links on a target, itself among them, by name and version. Crates that only run at
/// compile time are left out.
pub(crate) fn of(package: &str, triple: &str) -> Result<BTreeMap<(String, String), Dependency>> {
    let edges = ["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"];
    let mut tree = source::cargo();
    tree.args(["tree", "--locked", "--package", package, "--target", triple]).args(edges);
    let linked: BTreeSet<(String, String)> = source::output(&mut tree)?.lines().filter_map(named).collect();
    let mut metadata = source::cargo();
    metadata.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", triple]);
    let metadata: Value = serde_json::from_str(&source::output(&mut metadata)?)?;
    let checksums = checksums()?;
    let (packages, uses) = (list(&metadata["packages"]), uses(&metadata));
    let mut dependencies = BTreeMap::new();
    for package in packages {
        let key = (text(&package["name"])?, text(&package["version"])?);
        if !linked.contains(&key) {
            continue;
        }
        let licence = package["license"].as_str().unwrap_or("NOASSERTION").replace('/', " OR ");
        let manifest = PathBuf::from(text(&package["manifest_path"])?);
        let used = uses.get(package["id"].as_str().unwrap_or_default());
        let uses = used.into_iter().flatten().filter(|key| linked.contains(key)).cloned().collect();
        let dependency = Dependency {
            name: key.0.clone(),
            version: key.1.clone(),
            licence: licence.replace("  ", " "),
            repository: package["repository"].as_str().map(str::to_owned),
            folder: manifest.parent().unwrap_or(source::root()).to_owned(),
            checksum: checksums.get(&key).cloned(),
            uses,
        };
        dependencies.insert(key, dependency);
    }
    let missing: Vec<_> = linked.iter().filter(|key| !dependencies.contains_key(*key)).collect();
    anyhow::ensure!(missing.is_empty(), "cargo metadata does not know {missing:?}");
    Ok(dependencies)
}

/// Name and version in a line of `cargo tree`, such as `serde v1.0.0 (*)`.
fn named(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let (name, version) = (words.next()?, words.next()?);
    Some((name.to_owned(), version.strip_prefix('v')?.to_owned()))
}

/// Names and versions of what each crate uses, by the id of cargo's metadata.
fn uses(metadata: &Value) -> BTreeMap<&str, BTreeSet<(String, String)>> {
    let named: BTreeMap<&str, (String, String)> = list(&metadata["packages"])
        .iter()
        .filter_map(|package| {
            let key = (text(&package["name"]).ok()?, text(&package["version"]).ok()?);
            Some((package["id"].as_str()?, key))
        })
        .collect();
    let is_linked =
        |dependency: &&Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
    list(&metadata["resolve"]["nodes"])
        .iter()
        .filter_map(|node| {
            let used = list(&node["deps"]).iter().filter(is_linked);
            let used = used.filter_map(|dependency| named.get(dependency["pkg"].as_str()?).cloned());
            Some((node["id"].as_str()?, used.collect()))
        })
        .collect()
}

/// The digests of Cargo.lock by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    let lock: toml::Table = source::read_text("Cargo.lock")?.parse()?;
    let packages = lock.get("package").and_then(|packages| packages.as_array());
    let field = |package: &toml::Value, name: &str| Some(package.get(name)?.as_str()?.to_owned());
    let digest =
        |package| Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?));
    Ok(packages.context("Cargo.lock has no packages")?.iter().filter_map(digest).collect())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("cargo metadata lacks a text")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_for_c_links_no_training_and_no_macros() {
        let dependencies = of("anoseg-c", "x86_64-unknown-linux-gnu").unwrap();
        let names: BTreeSet<&str> = dependencies.keys().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains("anoseg-infer") && names.contains("safetensors"));
        for other in ["burn-core", "anoseg-train", "serde_derive", "tempfile", "cbindgen"] {
            assert!(!names.contains(other), "{other}");
        }
        for dependency in dependencies.values() {
            let own = dependency.name.starts_with("anoseg");
            assert_eq!(dependency.checksum.is_none(), own, "{}", dependency.name);
            assert!(dependency.uses.iter().all(|used| dependencies.contains_key(used)));
        }
        let facade = dependencies.values().find(|dependency| dependency.name == "anoseg-c").unwrap();
        assert!(facade.uses.iter().any(|(name, _)| name == "anoseg"), "{:?}", facade.uses);
    }
}
