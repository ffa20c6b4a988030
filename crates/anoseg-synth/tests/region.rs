//! Anomalies lie inside a region of the images.

mod common;

use std::sync::Arc;

use anoseg_image::Mask;
use anoseg_synth::{Recipe, Synthesizer};
use common::parts;

/// The right end of the images, where the part and the background meet.
fn region() -> Mask {
    Mask::from_fn(64, 64, |x, y| x >= 40 && (16..48).contains(&y))
}

#[test]
fn what_lies_outside_is_never_changed() {
    for recipe in [Recipe::default(), Recipe::paper()] {
        for part in [None, Some((32, 32))] {
            let images = parts(4, 64, 64);
            let synthesizer = match part {
                Some(size) => Synthesizer::of_parts(images, recipe.clone(), 5, size),
                None => Synthesizer::new(images, recipe.clone(), 5),
            };
            let synthesizer = synthesizer.expect("valid").within(Some(region()));
            let (mut anomalous, mut asked) = (0, 0);
            for step in 0..150 {
                let (pair, base) = (synthesizer.pair(step, 0), synthesizer.base(step, 0));
                let inside = pair.inside.expect("there is a region");
                asked += usize::from(inside.any());
                anomalous += usize::from(pair.label.any());
                for y in 0..inside.height() {
                    for x in 0..inside.width() {
                        if !inside.get(x, y) {
                            assert!(!pair.label.get(x, y), "step {step}: label outside");
                            assert_eq!(pair.image.get(x, y), base.get(x, y), "step {step}: ({x}, {y})");
                        }
                    }
                }
            }
            assert!(asked > 100 && 2 * anomalous > asked, "{anomalous} of {asked} pairs have an anomaly");
        }
    }
}

#[test]
fn a_region_of_everything_and_none_draw_the_same_number_of_clean_pairs() {
    let make = || Synthesizer::new(parts(4, 64, 64), Recipe::default(), 5).expect("valid");
    let (all, none) = (make().within(Some(Mask::filled(64, 64, true))), make().within(None));
    assert_eq!(make().pair(3, 1), none.pair(3, 1));
    let pair = all.pair(3, 1);
    assert_eq!((pair.image, pair.label), (none.pair(3, 1).image, none.pair(3, 1).label));
}

#[test]
fn a_region_in_the_background_has_anomalies_too() {
    let corner = Mask::from_fn(64, 64, |x, y| x < 8 && y < 8);
    let synthesizer = Synthesizer::new(Arc::clone(&parts(4, 64, 64)), Recipe::default(), 5).expect("valid");
    let synthesizer = synthesizer.within(Some(corner));
    let anomalous = (0..100).filter(|&step| synthesizer.pair(step, 0).label.any()).count();
    assert!(anomalous > 20, "{anomalous} of 100");
}
