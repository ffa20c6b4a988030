//! A list of the components of a program in the format CycloneDX 1.6.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::date::Date;
use crate::dependencies::Dependency;

/// The document, for `package` and what it links. The same crates give the same bytes.
pub(crate) fn document(
    package: &str,
    triple: &str,
    dependencies: &BTreeMap<(String, String), Dependency>,
    epoch: u64,
) -> Result<String> {
    let main = dependencies.values().find(|dependency| dependency.name == package);
    let main = main.with_context(|| format!("{package} is not in the list of its crates"))?;
    let (mut components, mut edges, mut digest) = (Vec::new(), Vec::new(), Sha256::new());
    for dependency in dependencies.values() {
        if dependency.name != package {
            components.push(component(dependency, "library"));
        }
        let mut used: Vec<String> =
            dependency.uses.iter().map(|(name, version)| url(name, version)).collect();
        if let Some(sqlite) = sqlite(dependency)? {
            used.push(sqlite["bom-ref"].as_str().unwrap_or_default().to_owned());
            components.push(sqlite);
        }
        edges.push(json!({"ref": reference(dependency), "dependsOn": used}));
        digest.update(format!("{} {}\n", dependency.name, dependency.version));
    }
    digest.update(triple);
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(&digest.finalize()),
        "version": 1,
        "metadata": {
            "timestamp": Date::new(epoch).iso(),
            "component": component(main, "application"),
            "properties": [{"name": "rust:target", "value": triple}],
        },
        "components": components,
        "dependencies": edges,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn component(dependency: &Dependency, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(dependency),
        "name": dependency.name,
        "version": dependency.version,
        "licenses": [{"expression": dependency.licence}],
    });
    if let Some(checksum) = &dependency.checksum {
        component["purl"] = reference(dependency).into();
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    if let Some(repository) = &dependency.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

/// SQLite, whose advisories name itself and not the crate that has its source.
fn sqlite(dependency: &Dependency) -> Result<Option<Value>> {
    if dependency.name != "libsqlite3-sys" {
        return Ok(None);
    }
    let header = dependency.folder.join("sqlite3/sqlite3.h");
    let text = std::fs::read_to_string(&header).with_context(|| header.display().to_string())?;
    let version = text.split("#define SQLITE_VERSION ").nth(1).and_then(|rest| rest.split('"').nth(1));
    let version = version.with_context(|| format!("{}: no version", header.display()))?;
    Ok(Some(json!({
        "type": "library",
        "bom-ref": format!("pkg:generic/sqlite@{version}"),
        "purl": format!("pkg:generic/sqlite@{version}"),
        "cpe": format!("cpe:2.3:a:sqlite:sqlite:{version}:*:*:*:*:*:*:*"),
        "name": "sqlite",
        "version": version,
        "licenses": [{"expression": "blessing"}],
    })))
}

/// The name of a component inside the document.
fn reference(dependency: &Dependency) -> String {
    url(&dependency.name, &dependency.version)
}

/// The package URL of a crate.
fn url(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// A UUID of version 8 from the first bytes of a digest.
fn serial_number(digest: &[u8]) -> String {
    let mut hex: Vec<char> = hex(&digest[..16]).chars().collect();
    (hex[12], hex[16]) = ('8', '8');
    let part = |range: std::ops::Range<usize>| hex[range].iter().collect::<String>();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependencies;

    #[test]
    fn the_document_names_each_component_once_and_no_other_in_its_edges() {
        let dependencies = dependencies::of("anoseg-cli", "x86_64-unknown-linux-gnu").unwrap();
        let text = document("anoseg-cli", "x86_64-unknown-linux-gnu", &dependencies, 1_795_904_124).unwrap();
        let again = document("anoseg-cli", "x86_64-unknown-linux-gnu", &dependencies, 1_795_904_124).unwrap();
        assert_eq!(text, again);
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut names: Vec<&str> = document["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["bom-ref"].as_str().unwrap())
            .collect();
        names.push(document["metadata"]["component"]["bom-ref"].as_str().unwrap());
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() == count && count > 150, "{count}");
        assert!(names.iter().any(|name| name.starts_with("pkg:generic/sqlite@3.")), "{names:?}");
        for edge in document["dependencies"].as_array().unwrap() {
            for used in edge["dependsOn"].as_array().unwrap() {
                assert!(names.binary_search(&used.as_str().unwrap()).is_ok(), "{used}");
            }
        }
        assert_eq!(document["metadata"]["timestamp"], "2026-11-28T22:15:24Z");
    }
}
