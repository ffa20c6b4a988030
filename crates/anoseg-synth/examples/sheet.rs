//! A contact sheet of training pairs: each with its label outlined, and what was drawn printed to
//! stdout.
//!
//! `cargo run --release -p anoseg-synth --example sheet -- FOLDER_OF_GOOD_IMAGES OUT.png
//! [natural|paper] [SEED] [LIMIT]`
//!
//! The first row shows images with the part outlined, where it can be told from the background.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anoseg_image::{Filter, Image, Limits, Mask, decode, resample};
use anoseg_synth::{Recipe, Synthesizer};

const COLUMNS: usize = 6;
const ROWS: usize = 5;
const SIDE: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, rest @ ..] = arguments.as_slice() else {
        return Err("usage: sheet FOLDER OUT.png [natural|paper] [SEED] [LIMIT]".into());
    };
    let recipe = match rest.first().map(String::as_str) {
        Some("paper") => Recipe::paper(),
        _ => Recipe { clean_share: 0.0, ..Recipe::natural() },
    };
    let seed = rest.get(1).map_or(Ok(0), |seed| seed.parse())?;
    let limit = rest.get(2).map_or(Ok(usize::MAX), |limit| limit.parse())?;
    let images = Arc::new(load(Path::new(folder), limit)?);
    let synthesizer = Synthesizer::new(Arc::clone(&images), recipe, seed)?;
    let found = (0..images.len()).filter(|&i| synthesizer.foreground(i).is_some()).count();
    println!("part found in {found} of {} images", images.len());

    let mut sheet = Image::filled(COLUMNS * SIDE, (ROWS + 1) * SIDE, [1.0; 3]);
    for (column, index) in (0..images.len()).take(COLUMNS).enumerate() {
        let mask = synthesizer.foreground(index);
        put(&mut sheet, &images[index], mask, column, 0);
    }
    for (n, pair) in synthesizer.batch(0, COLUMNS * ROWS).iter().enumerate() {
        put(&mut sheet, &pair.image, Some(&pair.label), n % COLUMNS, 1 + n / COLUMNS);
        let kinds: Vec<String> = pair.kinds.iter().map(ToString::to_string).collect();
        println!("row {}, column {}: {}", n / COLUMNS + 1, n % COLUMNS + 1, kinds.join("; "));
    }
    let (width, height) = (sheet.width() as u32, sheet.height() as u32);
    image::save_buffer(out, &sheet.to_rgb8(), width, height, image::ExtendedColorType::Rgb8)?;
    Ok(())
}

fn load(folder: &Path, limit: usize) -> Result<Vec<Image>, Box<dyn Error>> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let images = paths.iter().take(limit).map(|path| {
        let image = decode::load(path, &Limits::default())?;
        Ok(resample::resize(&image, SIDE, SIDE, Filter::default()))
    });
    images.collect()
}

/// Copies an image to its cell, with the outer outline of the mask in red.
fn put(sheet: &mut Image, image: &Image, mask: Option<&Mask>, column: usize, row: usize) {
    let (width, height) = (image.width(), image.height());
    for y in 0..height {
        for x in 0..width {
            let near = |mask: &Mask| {
                let columns = x.saturating_sub(1)..(x + 2).min(width);
                columns
                    .into_iter()
                    .any(|x| (y.saturating_sub(1)..(y + 2).min(height)).any(|y| mask.get(x, y)))
            };
            let outline = mask.is_some_and(|mask| !mask.get(x, y) && near(mask));
            let rgb = if outline { [1.0, 0.0, 0.0] } else { image.get(x, y) };
            sheet.set(column * SIDE + x, row * SIDE + y, rgb);
        }
    }
}
