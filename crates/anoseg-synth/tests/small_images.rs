//! Images of a few pixels: from the smallest size on, every recipe gives whole pairs.

mod common;

use std::sync::Arc;

use anoseg_image::{Filter, Image, resample};
use anoseg_synth::{Pair, Recipe, SMALLEST_SIDE, SynthError, Synthesizer};
use common::parts;
use proptest::prelude::*;

fn check(pair: &Pair, width: usize, height: usize) {
    assert_eq!((pair.image.width(), pair.image.height()), (width, height));
    assert_eq!((pair.label.width(), pair.label.height()), (width, height));
    assert_eq!(pair.kinds.is_empty(), !pair.label.any(), "{:?}", pair.kinds);
    assert!(pair.image.as_slice().iter().all(|v| (-1e-5..=1.00001).contains(v)));
}

/// Unstructured images, on which no part can be told from the background.
fn noise(count: usize, width: usize, height: usize, seed: u64) -> Arc<Vec<Image>> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    Arc::new((0..count).map(|_| Image::from_fn(width, height, |_, _| [next(), next(), next()])).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn both_families_work_on_any_small_size(
        width in SMALLEST_SIDE..=64, height in SMALLEST_SIDE..=64, count in 1usize..5, seed in any::<u64>(),
    ) {
        for recipe in [Recipe::default(), Recipe::paper()] {
            for images in [parts(count, width, height), noise(count, width, height, seed)] {
                let synthesizer = Synthesizer::new(images, recipe.clone(), seed).expect("a valid recipe");
                for pair in synthesizer.batch(seed, 6) {
                    check(&pair, width, height);
                }
            }
        }
    }

    /// Images of 8 x 8 pixels that were enlarged to the input of a network.
    #[test]
    fn enlarged_images_work(side in 32usize..=256, seed in any::<u64>()) {
        for images in [parts(3, 8, 8), noise(3, 8, 8, seed)] {
            let images = images.iter().map(|image| resample::resize(image, side, side, Filter::default()));
            let images = Arc::new(images.collect::<Vec<_>>());
            for recipe in [Recipe::default(), Recipe::paper()] {
                let synthesizer = Synthesizer::new(Arc::clone(&images), recipe, seed).expect("a valid recipe");
                for pair in synthesizer.batch(seed, 4) {
                    check(&pair, side, side);
                }
            }
        }
    }
}

#[test]
fn most_pairs_of_the_smallest_size_have_anomalies() {
    for recipe in [Recipe::default(), Recipe::paper()] {
        let recipe = Recipe { clean_share: 0.0, ..recipe };
        let synthesizer = Synthesizer::new(parts(3, 8, 8), recipe, 1).expect("a valid recipe");
        let anomalous = (0..200).filter(|&step| synthesizer.pair(step, 0).label.any()).count();
        assert!(anomalous > 180, "{anomalous} of 200");
    }
}

#[test]
fn smaller_images_are_refused() {
    for (width, height) in [(7, 8), (8, 7), (1, 1), (0, 0), (0, 100), (100, 0)] {
        let images = Arc::new(vec![Image::filled(width, height, [0.5; 3])]);
        for recipe in [Recipe::default(), Recipe::paper()] {
            let error = Synthesizer::new(Arc::clone(&images), recipe, 0).expect_err("too small");
            assert_eq!(error, SynthError::TooSmall { width, height, smallest: SMALLEST_SIDE });
        }
    }
}
