//! Evaluates a test set of 100 images of 12 megapixels, generated one at a time, and prints time
//! and peak memory.
//!
//! `cargo run --release -p anoseg-metrics --example scale -- [IMAGES [SIDE [FOLDER]]] [--half]`
//!
//! Images are square. With `--half`, about half of the pixels of every defective image are
//! anomalous. With a folder it leaves there what `benches/peers/metrics.py` hands to other
//! programs: the maps, the masks, and `outcome.json`.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anoseg_image::resample::resize_map;
use anoseg_image::{AnomalyMap, Image, Mask};
use anoseg_metrics::{EvaluatedImage, Evaluator, GOOD};
use serde_json::json;

/// The side of the maps that a network outputs, before they are enlarged to the image.
const NETWORK_SIDE: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, arguments): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let half = flags.iter().any(|flag| flag == "--half");
    let number = |i: usize, default| arguments.get(i).map_or(Ok(default), |text| text.parse());
    let (images, side): (usize, usize) = (number(0, 100)?, number(1, 3464)?);
    let mut files = arguments.get(2).map(|folder| Files::create(&PathBuf::from(folder))).transpose()?;

    let mut evaluator = Evaluator::new();
    let (start, mut adding) = (Instant::now(), Duration::ZERO);
    for i in 0..images {
        // A program that evaluates holds the decoded image as well.
        let image = Image::filled(side, side, [0.5; 3]);
        let evaluated = generate(i, side, half);
        let begun = Instant::now();
        evaluator.add(&evaluated)?;
        adding += begun.elapsed();
        if let Some(files) = &mut files {
            files.add(&evaluated)?;
        }
        black_box(image);
    }
    let ranking = evaluator.ranking_bytes();
    println!("{images} images of {side} x {side}; ranked pixels take {} MB", ranking / 1_000_000);
    println!("add     {:7.2} s; peak memory {}", adding.as_secs_f64(), peak_memory());
    let begun = Instant::now();
    let results = evaluator.finish(None, 500)?;
    let finishing = begun.elapsed();
    println!("finish  {:7.2} s; peak memory {}", finishing.as_secs_f64(), peak_memory());
    println!("total   {:7.2} s, generating the maps included", start.elapsed().as_secs_f64());
    println!("{:#?}\n{} points of the PRO curve", results.all, results.curves.pro.points.len());
    if let Some(files) = files {
        let seconds = (adding + finishing).as_secs_f64();
        let outcome =
            json!({ "side": side, "seconds": seconds, "figures": results.all, "memory": peak_memory() });
        files.finish(&outcome.to_string())?;
    }
    Ok(())
}

/// A map like those of a network: smooth noise and soft defects through a sigmoid, enlarged
/// bilinearly.
///
/// Three quarters of the images have two round defects, or with `half` one that covers at least the
/// left half, of another area in each image.
fn generate(index: usize, side: usize, half: bool) -> EvaluatedImage {
    let defect = [GOOD, "large", "small", "scratch"][index % 4];
    let radius = [0.0, 1.0 / 8.0, 1.0 / 40.0, 1.0 / 20.0][index % 4];
    // How far inside a defect a point is, in shares of the side; coordinates are in 0..=1.
    let depth = |x: f32, y: f32| match (defect, half) {
        (GOOD, _) => f32::NEG_INFINITY,
        (_, true) => 0.5 + 0.001 * (index % 100) as f32 - x,
        (_, false) => {
            [1.0 / 3.0, 2.0 / 3.0].map(|c| radius - (x - c).hypot(y - c)).into_iter().fold(-1.0, f32::max)
        }
    };
    let place = |x: usize, side: usize| (x as f32 + 0.5) / side as f32;
    let mut noise = Noise(index as u64 + 1);
    let coarse = AnomalyMap::from_fn(32, 32, |_, _| noise.next());
    let coarse = resize_map(&coarse, NETWORK_SIDE, NETWORK_SIDE);
    let small = AnomalyMap::from_fn(NETWORK_SIDE, NETWORK_SIDE, |x, y| {
        let depth = depth(place(x, NETWORK_SIDE), place(y, NETWORK_SIDE));
        let anomaly = 7.0 / (1.0 + (-100.0 * depth).exp());
        let logit = -5.0 + 3.0 * coarse.get(x, y) + 1.5 * noise.next() + anomaly;
        1.0 / (1.0 + (-logit).exp())
    });
    let map = resize_map(&small, side, side);
    let score = small.as_slice().iter().copied().fold(0.0, f32::max);
    let mask = Mask::from_fn(side, side, |x, y| depth(place(x, side), place(y, side)) > 0.0);
    EvaluatedImage { defect: defect.into(), score, map, mask: (defect != GOOD).then_some(mask) }
}

/// SplitMix64 as values in -1..1, dense in the middle.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mixed = mixed ^ (mixed >> 31);
        let [a, b] = [mixed >> 40, (mixed & 0xff_ffff)].map(|bits| bits as f32 / (1_u32 << 24) as f32);
        a - b
    }
}

/// `maps.f32` and `masks.u8`: all images one after the other, row by row.
struct Files {
    folder: PathBuf,
    maps: BufWriter<File>,
    masks: BufWriter<File>,
}

impl Files {
    fn create(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = |name| File::create(folder.join(name)).map(BufWriter::new);
        Ok(Self { folder: folder.to_owned(), maps: file("maps.f32")?, masks: file("masks.u8")? })
    }

    fn add(&mut self, image: &EvaluatedImage) -> std::io::Result<()> {
        for (i, value) in image.map.as_slice().iter().enumerate() {
            self.maps.write_all(&value.to_le_bytes())?;
            let anomalous = image.mask.as_ref().is_some_and(|mask| mask.as_slice()[i]);
            self.masks.write_all(&[u8::from(anomalous)])?;
        }
        Ok(())
    }

    fn finish(mut self, outcome: &str) -> std::io::Result<()> {
        self.maps.flush()?;
        self.masks.flush()?;
        std::fs::write(self.folder.join("outcome.json"), outcome)
    }
}

/// The high-water mark of resident memory, where the system reports it (Linux).
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |value| value.trim().into())
}
