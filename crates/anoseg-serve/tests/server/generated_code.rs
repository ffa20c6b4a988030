//! The Rust code of the gRPC services is that of the definitions in `proto`. It is checked in, so that a build needs
//! neither `protoc` nor a build script. After a change of a definition, write it anew with
//! `ANOSEG_WRITE_GENERATED=1 cargo test -p anoseg-serve --test server generated`.

use std::path::Path;

/// The packages, by the file of their definition.
const PACKAGES: [(&str, &str); 2] =
    [("open_inference.proto", "inference.rs"), ("health.proto", "grpc.health.v1.rs")];

/// The generated code of every package, in a folder.
fn generate(proto: &Path, out: &Path) {
    let files = PACKAGES.map(|(file, _)| proto.join(file));
    let definitions = protox::compile(files, [proto]).unwrap();
    tonic_prost_build::configure()
        .out_dir(out)
        // Tensors are not copied out of the message that they arrive in.
        .bytes(".")
        // Clients are for tests, which include the code by its path.
        .client_mod_attribute(".", "#[cfg(test)]")
        .compile_fds(definitions)
        .unwrap();
}

#[test]
fn the_generated_code_is_that_of_the_definitions() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked_in = root.join("src/grpc/generated");
    let folder = tempfile::tempdir().unwrap();
    generate(&root.join("proto"), folder.path());
    for (_, name) in PACKAGES {
        let now = std::fs::read_to_string(folder.path().join(name)).unwrap();
        if std::env::var_os("ANOSEG_WRITE_GENERATED").is_some() {
            std::fs::write(checked_in.join(name), &now).unwrap();
        }
        let then = std::fs::read_to_string(checked_in.join(name)).unwrap_or_default();
        assert!(now == then, "{name} differs: write it anew, as told at the top of this file");
    }
    let mut generated: Vec<_> = std::fs::read_dir(&checked_in).unwrap().map(|entry| entry.unwrap()).collect();
    generated.retain(|entry| entry.file_name() != "mod.rs");
    assert_eq!(generated.len(), PACKAGES.len());
}
