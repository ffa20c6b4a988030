//! Manifests of Kubernetes: documents of YAML, and schemas of custom resources.

use std::path::Path;

use serde_json::{Value, json};

/// The documents of a file.
pub(crate) fn read(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The version of Rust that the workspace asks for.
pub(crate) fn rust_version(root: &Path) -> String {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    line.trim_matches('"').to_owned()
}

/// The schema of the version of a custom resource that is stored. Kubernetes takes no field that a schema does not
/// name, so that each object is closed.
pub(crate) fn strict(definition: &Value) -> Value {
    let versions = definition["spec"]["versions"].as_array().unwrap();
    let stored = versions.iter().find(|version| version["storage"] == true).unwrap();
    let mut schema = stored["schema"]["openAPIV3Schema"].clone();
    close(&mut schema);
    // Kubernetes itself checks these.
    schema["properties"]["metadata"] = json!({"type": "object", "required": ["name"]});
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_open = fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
            if fields.get("type") == Some(&json!("object")) && fields.contains_key("properties") && !is_open {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            // Whole numbers or texts: the type of the schema is left out there.
            fields.remove("format");
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
