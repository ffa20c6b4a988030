//! The part on real images; skipped where there are none.
#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anoseg_image::{Filter, Limits, decode, resample};
use anoseg_synth::{Recipe, Synthesizer};

/// The first images of a category; nothing, with a message, where the data is absent.
fn synthesizer(category: &str) -> Option<Synthesizer> {
    let folder =
        std::env::var_os("ANOSEG_DATA").map(|data| Path::new(&data).join(category).join("train/good"));
    let Some(entries) = folder.and_then(|folder| std::fs::read_dir(folder).ok()) else {
        eprintln!("skipped: ANOSEG_DATA names no folder with {category}");
        return None;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable folder").path()).collect();
    paths.sort();
    let load = |path: &PathBuf| {
        let image = decode::load(path, &Limits::default()).expect("an image");
        resample::resize(&image, 128, 128, Filter::default())
    };
    let images = paths.iter().take(12).map(load).collect();
    Some(Synthesizer::new(Arc::new(images), Recipe::default(), 0).expect("a valid recipe"))
}

/// Shares of the image that the part covers, where it was found.
fn shares(synthesizer: &Synthesizer) -> Vec<f32> {
    let masks = (0..12).filter_map(|i| synthesizer.foreground(i));
    masks.map(|mask| mask.count() as f32 / (128.0 * 128.0)).collect()
}

#[test]
fn a_bottle_is_found_in_every_image() {
    let Some(synthesizer) = synthesizer("bottle") else { return };
    let shares = shares(&synthesizer);
    assert_eq!(shares.len(), 12);
    assert!(shares.iter().all(|share| (0.58..0.70).contains(share)), "{shares:?}");
}

#[test]
fn cookies_are_found_in_most_images() {
    let Some(synthesizer) = synthesizer("cookie") else { return };
    let shares = shares(&synthesizer);
    assert!(shares.len() >= 9, "{}", shares.len());
    assert!(shares.iter().all(|share| (0.2..0.5).contains(share)), "{shares:?}");
}

#[test]
fn a_tile_fills_its_image() {
    let Some(synthesizer) = synthesizer("tile") else { return };
    assert!(shares(&synthesizer).is_empty());
}
