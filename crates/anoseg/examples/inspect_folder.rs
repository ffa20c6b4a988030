//! Inspects every image of a folder:
//! `cargo run --release --example inspect_folder -- part.anoseg new-images`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::path::PathBuf;

use anoseg::batch::{ImageFiles, Inspected, Sink, inspect_files};
use anoseg::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, folder] = &arguments[..] else { return Err("give a model and a folder of images".into()) };
    let model = Model::load(model)?.with_threads(Threads::new(2)?);
    let paths = anoseg::dataset::list_images(folder)?;
    let mut print = |inspected: &Inspected| {
        let result = &inspected.inspection;
        println!("{} {:?} {:.4}", inspected.path.display(), result.decision, result.score);
        Ok(())
    };
    std::fs::create_dir_all("masks")?;
    let mut masks = ImageFiles::new("masks").mask();
    let sinks: &mut [&mut dyn Sink] = &mut [&mut print, &mut masks];
    let summary =
        inspect_files(&model, &paths, &Limits::default(), sinks, &mut |error| eprintln!("{error}"))?;
    println!("{} good, {} to review, {} rejected", summary.good, summary.review, summary.rejected);
    Ok(())
}
