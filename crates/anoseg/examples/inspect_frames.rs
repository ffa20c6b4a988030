//! Inspects camera frames from memory, on several threads:
//! `cargo run --release --example inspect_frames`
//!
//! The frames are generated here, in the layout that a camera's SDK gives: 8-bit BGR with padded
//! rows.
#![allow(clippy::print_stdout, reason = "an example prints")]

use anoseg::prelude::*;
use anoseg_synth::demo::{Part, defective, good};

const SIDE: usize = 128;

/// Bytes of a row: three per pixel and some padding.
const STRIDE: usize = 3 * SIDE + 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = train()?;
    let good = good(Part::Token, 1, 7, SIDE, SIDE);
    let defect = Part::Token.defects()[0];
    let bad = defective(Part::Token, defect, 1, 7, SIDE, SIDE).ok_or("the part has this defect")?.image;
    let frames = [frame(&good), frame(&bad)];
    // One model serves all threads.
    std::thread::scope(|scope| {
        let workers = frames.iter().map(|bytes| scope.spawn(|| inspect(&model, bytes)));
        for worker in workers.collect::<Vec<_>>() {
            match worker.join() {
                Ok(line) => println!("{}", line.unwrap_or_else(|error| error.to_string())),
                Err(_) => println!("the worker failed"),
            }
        }
    });
    Ok(())
}

fn inspect(model: &Model, bytes: &[u8]) -> Result<String, anoseg::Error> {
    let view = ImageView::new(bytes, SIDE, SIDE, PixelFormat::Bgr8).and_then(|view| view.with_stride(STRIDE));
    let Ok(view) = view else { return Ok("the buffer is no such frame".to_owned()) };
    let result = model.inspect(&view.to_image())?;
    Ok(format!("{:?}: score {:.4}, {} regions", result.decision, result.score, result.regions.len()))
}

/// An image as a camera gives it.
fn frame(image: &Image) -> Vec<u8> {
    let rgb = image.to_rgb8();
    let mut bytes = vec![0; STRIDE * SIDE];
    for (row, source) in bytes.chunks_exact_mut(STRIDE).zip(rgb.chunks_exact(3 * SIDE)) {
        for (to, from) in row.chunks_exact_mut(3).zip(source.chunks_exact(3)) {
            to.copy_from_slice(&[from[2], from[1], from[0]]);
        }
    }
    bytes
}

/// A model that was trained for a few seconds only.
fn train() -> Result<Model, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    for number in 0..16 {
        let path = folder.path().join(format!("{number:02}.png"));
        anoseg::write::write_png(&path, &good(Part::Token, 0, number, SIDE, SIDE))?;
    }
    let mut config = Config { budget: Budget::Steps(60), ..Config::default() };
    config.architecture.widths = vec![8, 16];
    config.input.size = SIDE;
    Ok(Trainer::new(Dataset::open(folder.path())?).config(config).run()?)
}
