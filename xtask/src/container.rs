//! A container image that holds a static program and nothing else, as an archive in the layout of OCI.
//!
//! User, ports, volumes and command are those that deploy/Dockerfile states.

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::date::Date;
use crate::files::Files;
use crate::sbom::hex;
use crate::source::VERSION;
use crate::{archive, source};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The image with a program and documents (licences, for one) in the folder `/usr/share/doc/anoseg`.
pub(crate) fn image(program: &[u8], documents: &Files, architecture: &str, epoch: u64) -> Result<Vec<u8>> {
    let stated = Stated::read(&source::read_text("deploy/Dockerfile")?)?;
    let mut files = Files::default();
    files.add_program("usr/local/bin/anoseg", program);
    files.add_all("usr/share/doc/anoseg", documents);
    for volume in &stated.volumes {
        files.add_folder(volume.trim_start_matches('/'), 0o755, stated.user()?);
    }
    // SQLite sorts large results in files.
    files.add_folder("tmp", 0o1777, 0);
    layout(&archive::tar(&files, epoch)?, &stated, architecture, epoch)
}

/// What deploy/Dockerfile states of its last stage.
#[derive(Debug, Default, PartialEq)]
struct Stated {
    user: String,
    volumes: Vec<String>,
    ports: Vec<String>,
    stop_signal: String,
    entrypoint: Vec<String>,
    command: Vec<String>,
}

impl Stated {
    fn read(dockerfile: &str) -> Result<Self> {
        let list = |text: &str| {
            serde_json::from_str::<Vec<String>>(text)
                .with_context(|| format!("deploy/Dockerfile: {text} is no list"))
        };
        let mut stated = Self::default();
        for line in dockerfile.lines() {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            match name {
                "FROM" => stated = Self::default(),
                "USER" => rest.clone_into(&mut stated.user),
                "VOLUME" => stated.volumes = list(rest)?,
                "EXPOSE" => stated.ports = rest.split_whitespace().map(str::to_owned).collect(),
                "STOPSIGNAL" => rest.clone_into(&mut stated.stop_signal),
                "ENTRYPOINT" => stated.entrypoint = list(rest)?,
                "CMD" => stated.command = list(rest)?,
                _ => {}
            }
        }
        Ok(stated)
    }

    /// The number of the user, which owns the volumes.
    fn user(&self) -> Result<u32> {
        let number = self.user.split(':').next().unwrap_or_default();
        number.parse().with_context(|| format!("deploy/Dockerfile: USER {:?} is no number", self.user))
    }

    fn config(&self) -> Value {
        let set = |names: &[String], suffix: &str| -> Map<String, Value> {
            names.iter().map(|name| (format!("{name}{suffix}"), json!({}))).collect()
        };
        json!({
            "User": self.user,
            "ExposedPorts": set(&self.ports, "/tcp"),
            "Volumes": set(&self.volumes, ""),
            "Entrypoint": self.entrypoint,
            "Cmd": self.command,
            "StopSignal": self.stop_signal,
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.title": "anoseg",
                "org.opencontainers.image.version": VERSION,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        })
    }
}

/// An archive with the image's one layer. `manifest.json` is for versions of `docker load` that do not know the layout.
fn layout(layer: &[u8], stated: &Stated, architecture: &str, epoch: u64) -> Result<Vec<u8>> {
    if stated.entrypoint.is_empty() || stated.command.is_empty() {
        bail!("deploy/Dockerfile states no ENTRYPOINT or no CMD after its last FROM");
    }
    let created = Date::new(epoch).iso();
    let mut files = Files::default();
    let config = json!({
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": stated.config(),
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": created, "created_by": "cargo xtask dist"}],
    });
    let config = blob(&mut files, CONFIG, config.to_string().into_bytes());
    let layer = blob(&mut files, LAYER, archive::gzip(layer)?);
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer.clone()]});
    let mut manifest = blob(&mut files, MANIFEST, manifest.to_string().into_bytes());
    manifest["platform"] = json!({"architecture": architecture, "os": "linux"});
    manifest["annotations"] = json!({
        "org.opencontainers.image.ref.name": VERSION,
        "io.containerd.image.name": format!("docker.io/library/anoseg:{VERSION}"),
    });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
    files.add("index.json", index.to_string());
    files.add("oci-layout", json!({"imageLayoutVersion": "1.0.0"}).to_string());
    let path = |descriptor: &Value| {
        format!("blobs/{}", descriptor["digest"].as_str().unwrap_or_default().replace(':', "/"))
    };
    let tags = [format!("anoseg:{VERSION}")];
    let docker = json!([{"Config": path(&config), "RepoTags": tags, "Layers": [path(&layer)]}]);
    files.add("manifest.json", docker.to_string());
    archive::tar(&files, epoch)
}

/// Adds a blob and gives its descriptor.
fn blob(files: &mut Files, media_type: &str, bytes: Vec<u8>) -> Value {
    let digest = digest(&bytes);
    let descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
    files.add(format!("blobs/{}", digest.replace(':', "/")), bytes);
    descriptor
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use super::*;

    fn unpacked(archive: &[u8]) -> BTreeMap<String, (Vec<u8>, u64)> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let (path, owner) = (entry.path().unwrap().display().to_string(), entry.header().uid().unwrap());
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (path.trim_end_matches('/').to_owned(), (bytes, owner))
        });
        entries.collect()
    }

    #[test]
    fn the_image_has_the_program_and_the_command_of_the_dockerfile() {
        let mut documents = Files::default();
        documents.add("LICENSE-MIT", "text");
        let bytes = image(b"program", &documents, "amd64", 1_795_904_124).unwrap();
        assert_eq!(bytes, image(b"program", &documents, "amd64", 1_795_904_124).unwrap());
        let files = unpacked(&bytes);
        for (path, (bytes, _)) in files.iter().filter(|(path, _)| path.starts_with("blobs/sha256/")) {
            assert_eq!(path.strip_prefix("blobs/sha256/"), Some(hex(&Sha256::digest(bytes)).as_str()));
        }
        let json = |path: &str| serde_json::from_slice::<Value>(&files[path].0).unwrap();
        let path = |descriptor: &Value| {
            let path = format!("blobs/{}", descriptor["digest"].as_str().unwrap().replace(':', "/"));
            assert_eq!(files[&path].0.len() as u64, descriptor["size"].as_u64().unwrap());
            path
        };
        let manifest = json(&path(&json("index.json")["manifests"][0]));
        let config = json(&path(&manifest["config"]));
        assert_eq!(config["config"]["Entrypoint"], json!(["/usr/local/bin/anoseg"]));
        assert_eq!(config["config"]["Cmd"][0], "serve");
        assert_eq!(config["config"]["ExposedPorts"], json!({"8000/tcp": {}, "8001/tcp": {}}));
        let mut layer = Vec::new();
        let packed = &files[&path(&manifest["layers"][0])].0;
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut layer).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], json!([digest(&layer)]));
        let content = unpacked(&layer);
        assert_eq!(content["usr/local/bin/anoseg"].0, b"program");
        assert!(content.contains_key("usr/share/doc/anoseg/LICENSE-MIT") && content.contains_key("tmp"));
        assert_eq!((content["models"].1, content["history"].1, content["usr"].1), (65532, 65532, 0));
    }

    #[test]
    fn instructions_before_the_last_stage_do_not_count() {
        let stated = Stated::read("FROM a AS b\nUSER 1\nFROM c\nENTRYPOINT [\"x\"]\nCMD [\"y\"]\n").unwrap();
        assert_eq!((stated.user.as_str(), &stated.entrypoint[..]), ("", &["x".to_owned()][..]));
        assert!(Stated::read("FROM a\nCMD serve\n").is_err());
    }
}
