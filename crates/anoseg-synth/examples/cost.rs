//! Mean time of one pair at 256 x 256 on one core, in all and by what was drawn, and how much of it
//! is labelled.
//!
//! `cargo run --release -p anoseg-synth --example cost`
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anoseg_image::Image;
use anoseg_synth::{Kind, Recipe, Synthesizer};

fn main() -> Result<(), anoseg_synth::SynthError> {
    let images = Arc::new((0..8).map(disc).collect::<Vec<_>>());
    for (name, recipe) in [("natural", Recipe::natural()), ("paper", Recipe::paper())] {
        let synthesizer = Synthesizer::new(Arc::clone(&images), recipe, 1)?;
        let mut by_kind: BTreeMap<String, (Duration, u32)> = BTreeMap::new();
        let mut areas = Vec::new();
        for step in 0..2000 {
            let start = Instant::now();
            let pair = synthesizer.pair(step, 0);
            let took = start.elapsed();
            if pair.label.any() {
                areas.push(pair.label.count() as f64 / (256.0 * 256.0));
            }
            add(&mut by_kind, format!("{name}, all"), took);
            match pair.kinds.as_slice() {
                [] => add(&mut by_kind, format!("{name}, clean"), took),
                // Only pairs with a single anomaly tell what it costs.
                [kind @ (Kind::Patch | Kind::Scar)] => add(&mut by_kind, format!("{name}, {kind}"), took),
                [Kind::Natural { shape, source, blend }] => {
                    add(&mut by_kind, format!("{name}, shape {shape}"), took);
                    add(&mut by_kind, format!("{name}, source {source}"), took);
                    add(&mut by_kind, format!("{name}, blend {blend}"), took);
                }
                _ => {}
            }
        }
        areas.sort_by(f64::total_cmp);
        let percent = |share: f64| 100.0 * areas[(areas.len() as f64 * share) as usize];
        let [low, median, high] = [0.1, 0.5, 0.9].map(percent);
        println!(
            "{name}: labelled share of an anomalous pair: 10 % below {low:.2} %, half below {median:.2} %, 90 % below {high:.2} %"
        );
        for (kind, (total, count)) in by_kind {
            println!("{:8.3} ms  x {count:<5} {kind}", total.as_secs_f64() * 1e3 / f64::from(count));
        }
    }
    Ok(())
}

fn add(times: &mut BTreeMap<String, (Duration, u32)>, key: String, took: Duration) {
    let (total, count) = times.entry(key).or_default();
    *total += took;
    *count += 1;
}

/// A dark ring on a light ground, a little elsewhere in each image.
fn disc(n: usize) -> Image {
    Image::from_fn(256, 256, |x, y| {
        let radius = (x as f32 - 125.0 - n as f32).hypot(y as f32 - 128.0);
        let grain = ((x * 31 + y * 17) % 13) as f32 / 130.0;
        if (40.0..100.0).contains(&radius) { [0.3 + grain, 0.2, 0.1] } else { [0.85, 0.85 + grain, 0.9] }
    })
}
