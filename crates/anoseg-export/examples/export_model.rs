//! Writes a model as an ONNX file: `cargo run -p anoseg-export --example export_model -- part.anoseg part.onnx`,
//! with `preprocessing` and `half` behind it as needed.

use std::path::Path;

use anoseg_export::{Options, onnx};
use anoseg_infer::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, target, options @ ..] = &arguments[..] else { return Err("give MODEL and FILE".into()) };
    let has = |name: &str| options.iter().any(|option| option == name);
    let options = Options { with_preprocessing: has("preprocessing"), half: has("half") };
    std::fs::write(target, onnx(&Model::load(Path::new(model))?, &options)?)?;
    Ok(())
}
