//! Trains on a folder of good images, with progress and a stop token:
//! `cargo run --release --example train -- good-parts part.anoseg`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::path::PathBuf;
use std::time::Duration;

use anoseg::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, model] = &arguments[..] else {
        return Err("give a folder of good images and a model file".into());
    };
    // Stopped from anywhere, for instance by a signal handler, the training saves a checkpoint.
    let stop = StopToken::new();
    let trained = Trainer::new(Dataset::open(folder)?)
        .preset(Preset::Fast)
        .budget(Duration::from_secs(600))
        .run_dir(RunDir::beside(model))
        .stop(stop)
        .on_event(|event| match event {
            Event::Step(progress) => {
                let total = progress.total.map_or_else(|| "?".to_owned(), |total| total.to_string());
                eprintln!("step {}/{total}, loss {:.4}", progress.step, progress.losses.total);
            }
            Event::Warning(remark) => eprintln!("warning: {remark}"),
            event => eprintln!("{event:?}"),
        })
        .run()?;
    trained.save(model)?;
    println!("rejects above {:.4}", trained.calibration()?.image_threshold);
    Ok(())
}
