//! Times the map and score of one picture: `latency MODEL PICTURE COUNT` prints the seconds of every run.
#![allow(clippy::print_stdout, reason = "this is what the example is for")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use anoseg::{Device, Model};
use anoseg_image::{Limits, decode};
use anoseg_kernels::memory::{Allocator, keep_freed_memory};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> Result<(), Box<dyn Error>> {
    keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, picture, count] = &arguments[..] else {
        return Err("usage: latency MODEL PICTURE COUNT".into());
    };
    let model = Model::load(Path::new(model), &Device::flex())?;
    let image = decode::load(Path::new(picture), &Limits::default())?;
    model.analyse(&image)?;
    for _ in 0..count.parse()? {
        let start = Instant::now();
        model.analyse(&image)?;
        println!("{}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
