//! The header is what the sources say.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

/// `ANOSEG_WRITE_HEADER=1 cargo test -p anoseg-c --test header` writes it anew.
#[test]
fn the_header_is_that_of_the_sources() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configuration = cbindgen::Config::from_file(crate_folder.join("cbindgen.toml")).unwrap();
    let modules = ["status", "image", "model", "inspection"];
    let builder =
        modules.iter().fold(cbindgen::Builder::new().with_config(configuration), |builder, module| {
            builder.with_src(crate_folder.join(format!("src/{module}.rs")))
        });
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let path = crate_folder.join("include/anoseg.h");
    if std::env::var_os("ANOSEG_WRITE_HEADER").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        kept == String::from_utf8(made).unwrap(),
        "include/anoseg.h differs from the sources; ANOSEG_WRITE_HEADER=1 writes it anew"
    );
}
