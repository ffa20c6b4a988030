//! Evaluates a test set of 83 images of 900 x 900 pixels and prints how long it took and the peak memory.
//!
//! `cargo run --release -p anoseg-metrics --example scale [IMAGES [SIDE [FOLDER]]]`
//!
//! With a folder it leaves there what `benches/peers/metrics.py` hands to other programs: the maps, the masks, and what
//! came out here.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anoseg_image::{AnomalyMap, Mask};
use anoseg_metrics::{EvaluatedImage, curves, evaluate, evaluate_by_defect};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let images = arguments.next().map_or(Ok(83), |text| text.parse())?;
    let side = arguments.next().map_or(Ok(900), |text| text.parse())?;
    let folder = arguments.next().map(PathBuf::from);
    let images: Vec<_> = (0..images).map(|i| image(i, side)).collect();
    println!("{} images of {side} x {side}, made; peak memory {}", images.len(), peak_memory());

    let start = Instant::now();
    let evaluation = evaluate(&images, None)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("evaluate            {seconds:6.2} s; peak memory {}", peak_memory());
    if let Some(folder) = folder {
        write(&folder, &images)?;
        let outcome =
            json!({ "side": side, "seconds": seconds, "figures": evaluation, "memory": peak_memory() });
        std::fs::write(folder.join("outcome.json"), outcome.to_string())?;
        return Ok(());
    }
    let start = Instant::now();
    let by_defect = evaluate_by_defect(&images, None)?;
    println!("evaluate_by_defect  {:6.2?} ({} types); {}", start.elapsed(), by_defect.len(), peak_memory());
    let start = Instant::now();
    let curves = curves(&images, 500)?;
    println!("curves              {:6.2?}; peak memory {}", start.elapsed(), peak_memory());
    println!("{evaluation:#?}\n{} points of the PRO curve", curves.pro.points.len());
    Ok(())
}

/// `maps.f32` and `masks.u8`: all pictures one after the other, row by row.
fn write(folder: &Path, images: &[EvaluatedImage]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut maps = BufWriter::new(File::create(folder.join("maps.f32"))?);
    let mut masks = BufWriter::new(File::create(folder.join("masks.u8"))?);
    for image in images {
        for (i, value) in image.map.as_slice().iter().enumerate() {
            maps.write_all(&value.to_le_bytes())?;
            masks.write_all(&[u8::from(image.mask.as_ref().is_some_and(|mask| mask.as_slice()[i]))])?;
        }
    }
    maps.flush()?;
    masks.flush()
}

/// A noisy map with hardly a tie; three quarters of the images have two round defects.
fn image(index: usize, side: usize) -> EvaluatedImage {
    let defect = ["good", "large", "small", "scratch"][index % 4];
    let radius = [0, side / 8, side / 40, side / 20][index % 4];
    let inside = |x: usize, y: usize, centre: usize| x.abs_diff(centre).pow(2) + y.abs_diff(centre).pow(2);
    let mask = Mask::from_fn(side, side, |x, y| {
        [side / 3, 2 * side / 3].iter().any(|&centre| inside(x, y, centre) < radius * radius)
    });
    let mut state = index as u64 + 1;
    let map = AnomalyMap::from_fn(side, side, |x, y| {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let noise = ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1_u32 << 24) as f32;
        noise * noise + if mask.get(x, y) { 0.3 } else { 0.0 }
    });
    let score = map.as_slice().iter().copied().fold(0.0, f32::max);
    EvaluatedImage { defect: defect.into(), score, map, mask: (defect != "good").then_some(mask) }
}

/// The high-water mark of resident memory, where the system tells (Linux).
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |value| value.trim().into())
}
