//! Times the inspection of a generated image in the memory of a camera:
//! `inspect_latency MODEL WIDTH HEIGHT COUNT` prints the seconds of every run. `benches/python_overhead.py` compares.
#![allow(clippy::print_stdout, reason = "this is what the example is for")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use anoseg::{ImageView, Model, PixelFormat};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, width, height, count] = &arguments[..] else {
        return Err("usage: inspect_latency MODEL WIDTH HEIGHT COUNT".into());
    };
    let model = Model::load(Path::new(model))?;
    let (width, height): (usize, usize) = (width.parse()?, height.parse()?);
    let pixel = |i: usize| [(i * 7 % 251) as u8, (i / width * 5 % 256) as u8, (i % width * 3 % 256) as u8];
    let rgb: Vec<u8> = (0..width * height).flat_map(pixel).collect();
    let view = ImageView::new(&rgb, width, height, PixelFormat::Rgb8)?;
    model.inspect(&view.to_image())?;
    for _ in 0..count.parse()? {
        let start = Instant::now();
        model.inspect(&view.to_image())?;
        println!("{}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
