//! Inspects every image of a folder and writes verdicts and masks:
//! `cargo run --release --example inspect_folder -- part.anoseg new-images results`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::path::PathBuf;

use anoseg::batch::{Format, ImageFiles, Results, Step, inspect_into};
use anoseg::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, images, results] = &arguments[..] else {
        return Err("give a model, a folder of images and a folder for the results".into());
    };
    let model = Model::load(model)?.with_threads(Threads::new(2)?);
    let paths = anoseg::dataset::list_images(images)?;
    std::fs::create_dir_all(results)?;
    let results = Results::create(results, Format::Jsonl, ImageFiles::default().mask(), &model)?;
    let mut print = |step: &Step<'_>| match step {
        Step::Judged(verdict, _) => println!("{} {:?} {:?}", verdict.image, verdict.decision, verdict.score),
        Step::Failed(error) => eprintln!("{error}"),
    };
    let summary = inspect_into(results, &model, &paths, &Limits::default(), &|| false, &mut print)?;
    println!("{} good, {} to review, {} rejected", summary.good, summary.review, summary.rejected);
    Ok(())
}
