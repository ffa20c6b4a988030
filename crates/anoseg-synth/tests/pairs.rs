//! Properties of training pairs of the newer family.

mod common;

use std::sync::Arc;

use anoseg_image::{Image, Mask};
use anoseg_synth::{Flip, Kind, Pair, Recipe, Source, SourceWeights, SynthError, Synthesizer};
use common::{always, change, parts};

fn default() -> Synthesizer {
    Synthesizer::new(parts(4, 64, 64), Recipe::default(), 5).expect("a valid recipe")
}

#[test]
fn a_pair_depends_on_seed_step_and_sample_alone() {
    let (first, second) = (default(), default());
    second.pair(9, 9);
    assert_eq!(first.pair(3, 1), second.pair(3, 1));
    assert_ne!(first.pair(3, 1), first.pair(1, 3));
    let other = Synthesizer::new(parts(4, 64, 64), Recipe::default(), 6).expect("a valid recipe");
    assert_ne!(first.pair(3, 1), other.pair(3, 1));
}

#[test]
fn a_batch_is_its_pairs_in_order_at_any_thread_count() {
    let synthesizer = default();
    let alone: Vec<Pair> = (0..9).map(|sample| synthesizer.pair(2, sample)).collect();
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        assert_eq!(pool.install(|| synthesizer.batch(2, 9)), alone);
    }
}

#[test]
fn the_clean_share_is_kept_and_clean_pairs_are_their_bases() {
    let synthesizer = default();
    let mut clean = 0;
    for step in 0..600 {
        let pair = synthesizer.pair(step, 0);
        assert_eq!(pair.kinds.is_empty(), !pair.label.any());
        assert!(pair.source < 4);
        if pair.kinds.is_empty() {
            clean += 1;
            assert_eq!(pair.image, synthesizer.base(step, 0));
        }
    }
    // 600 draws at 0.3: 180 expected, deviation 11.
    assert!((140..=225).contains(&clean), "{clean} of 600 pairs are clean");
}

/// Neither the pairs nor their anomalies show anything of an image that is left out.
#[test]
fn pairs_among_some_images_do_not_depend_on_the_others() {
    let mut recipe = Recipe::default();
    (recipe.base.flip_horizontal, recipe.base.flip_vertical) = (Flip::Never, Flip::Never);
    let images = parts(4, 64, 64);
    let mut others = images.as_ref().clone();
    others[2] = Image::from_fn(64, 64, |x, y| images[2].get(x, y).map(|value| 0.8 * value));
    let among = |images: Arc<Vec<Image>>| {
        Synthesizer::new(images, recipe.clone(), 5).expect("a valid recipe").among(vec![0, 1, 3])
    };
    let (first, second) = (among(images), among(Arc::new(others)));
    let mut sources = std::collections::BTreeSet::new();
    for step in 0..200 {
        let pair = first.pair(step, 0);
        sources.insert(pair.source);
        assert_eq!(pair, second.pair(step, 0));
    }
    assert_eq!(sources.into_iter().collect::<Vec<_>>(), [0, 1, 3]);
}

/// Mean change over 3 x 3 pixels, computed the long way round.
fn local_change(before: &Image, after: &Image) -> Vec<f32> {
    let (width, height) = (before.width() as isize, before.height() as isize);
    let change = change(before, after);
    let at = |x: isize, y: isize| change[(y.clamp(0, height - 1) * width + x.clamp(0, width - 1)) as usize];
    let mean = |x: isize, y: isize| {
        (-1..=1)
            .flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)))
            .map(|(dx, dy)| at(x + dx, y + dy))
            .sum::<f32>()
            / 9.0
    };
    (0..width * height).map(|i| mean(i % width, i / width)).collect()
}

#[test]
fn the_label_is_where_the_image_changed() {
    let synthesizer = always(Recipe { anomalies: [1, 1], ..Recipe::default() });
    let threshold = synthesizer.recipe().label_threshold;
    let (mut labelled, mut changed) = (0, 0);
    for step in 0..300 {
        let (pair, base) = (synthesizer.pair(step, 0), synthesizer.base(step, 0));
        let pixel = change(&base, &pair.image);
        let local = local_change(&base, &pair.image);
        let mut own = (0, 0);
        for (i, &anomalous) in pair.label.as_slice().iter().enumerate() {
            if anomalous {
                own.0 += 1;
                own.1 += usize::from(local[i] > threshold * 0.99);
            } else {
                // Nine times the threshold on one pixel makes the mean reach it; a soft edge's last
                // 15 % are not marked.
                assert!(
                    pixel[i] < 0.22,
                    "step {step}: a change of {} is not labelled: {:?}",
                    pixel[i],
                    pair.kinds
                );
            }
        }
        assert!(2 * own.1 >= own.0, "step {step}: {own:?}, {:?}", pair.kinds);
        labelled += own.0;
        changed += own.1;
    }
    // Only closed gaps and filled holes may be labelled without a change.
    assert!(changed as f64 > 0.9 * labelled as f64, "{changed} of {labelled} labelled pixels changed");
}

#[test]
fn several_anomalies_and_every_source_are_drawn() {
    let synthesizer = always(Recipe::default());
    let mut seen = std::collections::BTreeSet::new();
    let mut counts = [0; 4];
    for step in 0..400 {
        let pair = synthesizer.pair(step, 0);
        counts[pair.kinds.len()] += 1;
        seen.extend(pair.kinds.iter().filter_map(|kind| match kind {
            Kind::Natural { source, .. } => Some(*source),
            _ => None,
        }));
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
    assert!(counts[1..].iter().all(|&n| n > 60), "{counts:?}");
    assert!(counts[0] < 12, "{counts:?}");
}

#[test]
fn anomalies_lie_on_the_part() {
    let mut recipe = Recipe { on_foreground: 1.0, ..Recipe::default() };
    recipe.base = anoseg_synth::BaseAugmentation::none();
    recipe.sources = SourceWeights { missing: 0.0, ..SourceWeights::default() };
    let synthesizer = always(recipe);
    let part = |pair: &Pair| synthesizer.foreground(pair.source).expect("a plain background").clone();
    for step in 0..100 {
        let pair = synthesizer.pair(step, 0);
        let part = part(&pair);
        let off =
            pair.label.as_slice().iter().zip(part.as_slice()).filter(|&(&label, &on)| label && !on).count();
        assert_eq!(off, 0, "step {step}: {:?}", pair.kinds);
    }
}

#[test]
fn grey_images_stay_grey() {
    let grey =
        parts(3, 48, 48).iter().map(|image| Image::from_fn(48, 48, |x, y| [image.get(x, y)[0]; 3])).collect();
    let mut recipe = Recipe { clean_share: 0.0, ..Recipe::default() };
    recipe.base.noise = 0.0;
    let synthesizer = Synthesizer::new(Arc::new(grey), recipe, 1).expect("a valid recipe");
    for step in 0..100 {
        let image = synthesizer.pair(step, 0).image;
        let apart = image.plane(0).iter().zip(image.plane(2)).map(|(r, b)| (r - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "step {step}: channels differ by {apart}");
    }
}

#[test]
fn one_image_alone_is_enough() {
    let recipe = Recipe { clean_share: 0.0, ..Recipe::default() };
    let synthesizer = Synthesizer::new(parts(1, 40, 24), recipe, 1).expect("a valid recipe");
    let drawn = (0..60).filter(|&step| synthesizer.pair(step, 0).label.any()).count();
    assert!(drawn > 45, "{drawn} of 60");
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let new = |images: Vec<Image>| Synthesizer::new(Arc::new(images), Recipe::default(), 0).map(|_| ());
    assert_eq!(new(Vec::new()), Err(SynthError::NoImages));
    assert!(matches!(new(vec![Image::filled(7, 40, [0.0; 3])]), Err(SynthError::TooSmall { .. })));
    let mixed = vec![Image::filled(32, 32, [0.0; 3]), Image::filled(32, 33, [0.0; 3])];
    let error = new(mixed).expect_err("two sizes");
    assert!(matches!(error, SynthError::SizeMismatch { index: 1, .. }));
    assert!(error.to_string().contains("32 x 33"));
}

#[test]
fn hopeless_images_do_not_panic() {
    for value in [0.0, 1.0, f32::NAN, f32::INFINITY, -3.0] {
        let images =
            Arc::new(vec![Image::filled(20, 16, [value; 3]), Image::filled(20, 16, [0.5, value, 0.1])]);
        let synthesizer = Synthesizer::new(images, Recipe::default(), 0).expect("a valid recipe");
        for step in 0..40 {
            synthesizer.pair(step, 0);
        }
    }
}

#[test]
fn only_the_sources_asked_for_are_drawn() {
    let none = SourceWeights {
        other_image: 0.0,
        hard_augmented: 0.0,
        shuffled: 0.0,
        texture: 0.0,
        flat_colour: 0.0,
        tone: 0.0,
        relief: 0.0,
        blur: 0.0,
        warp: 0.0,
        missing: 1.0,
    };
    let synthesizer = always(Recipe { sources: none, ..Recipe::default() });
    for step in 0..40 {
        for kind in synthesizer.pair(step, 0).kinds {
            assert!(matches!(kind, Kind::Natural { source: Source::Missing, .. }));
            assert!(kind.to_string().contains(", missing, "));
        }
    }
}

#[test]
fn the_part_is_found_on_plain_ground_only() {
    let found = default();
    let mask: &Mask = found.foreground(0).expect("a plain background");
    assert!((1500..2200).contains(&mask.count()), "{}", mask.count());
    assert!(found.foreground(99).is_none());
}
