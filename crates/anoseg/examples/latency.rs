//! Times map and score of one image: `latency MODEL IMAGE COUNT` prints the seconds of every run.
#![allow(clippy::print_stdout, reason = "this is what the example is for")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use anoseg::{Limits, Model, decode};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, image, count] = &arguments[..] else {
        return Err("usage: latency MODEL IMAGE COUNT".into());
    };
    let model = Model::load(Path::new(model))?;
    let image = decode::load(Path::new(image), &Limits::default())?;
    model.analyse(&image)?;
    for _ in 0..count.parse()? {
        let start = Instant::now();
        model.analyse(&image)?;
        println!("{}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
