//! How much score and map depend on where the tiles lie: a model's own tiles against smaller ones.
//!
//! ```text
//! cargo run --release -p anoseg-infer --example grid_independence -- part.anoseg IMAGE...
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;

use anoseg_image::{Limits, decode};
use anoseg_infer::{Analysis, Geometry, Model, ModelFile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, images @ ..] = &arguments[..] else { return Err("usage: MODEL IMAGE...".into()) };
    let own = Model::load(model.as_ref())?;
    for side in [256, 384, 512, 768] {
        let (mut score, mut largest, mut sum, mut pixels) = (0.0_f32, 0.0_f32, 0.0_f64, 0_usize);
        let tiled = with_tiles(model.as_ref(), side)?;
        for path in images {
            let image = decode::load(path.as_ref(), &Limits::default())?;
            let (a, b): (Analysis, Analysis) = (own.analyse(&image)?, tiled.analyse(&image)?);
            score = score.max((a.score - b.score).abs());
            for (a, b) in a.map.as_slice().iter().zip(b.map.as_slice()) {
                largest = largest.max((a - b).abs());
                sum += f64::from((a - b).abs());
            }
            pixels += a.map.as_slice().len();
        }
        let mean = sum / pixels.max(1) as f64;
        println!(
            "tiles of {side}: score differs by up to {score:.4}, map by {mean:.5} on average and {largest:.3} at most"
        );
    }
    Ok(())
}

/// The model with square tiles of this side, no longer than its own.
fn with_tiles(path: &Path, side: usize) -> Result<Model, Box<dyn std::error::Error>> {
    let mut file = ModelFile::read(path)?;
    let geometry = &mut file.description.preprocess.geometry;
    let Geometry::Tiles { width, height, .. } = geometry else { return Err("no model on tiles".into()) };
    (*width, *height) = (side.min(*width), side.min(*height));
    let temporary = tempfile::NamedTempFile::new()?;
    file.write(temporary.path())?;
    Ok(Model::load(temporary.path())?)
}
