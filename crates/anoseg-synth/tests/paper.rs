//! Properties of the paper's family, checked against its own ranges.

mod common;

use std::sync::Arc;

use anoseg_image::{Image, Mask};
use anoseg_synth::{BaseAugmentation, Kind, Recipe, Synthesizer};
use common::change;

const SIDE: usize = 128;

fn synthesizer(change: impl Fn(&mut Recipe)) -> Synthesizer {
    // The images as they are, so that what changes is the anomaly's.
    let mut recipe = Recipe { clean_share: 0.0, base: BaseAugmentation::none(), ..Recipe::paper() };
    // One patch at a time, and CutPaste's own areas.
    recipe.anomalies = [1, 1];
    recipe.paper.patch_area = [0.02, 0.15];
    change(&mut recipe);
    let image = Image::from_fn(SIDE, SIDE, |x, y| [0.7, x as f32 / SIDE as f32, y as f32 / SIDE as f32]);
    Synthesizer::new(Arc::new(vec![image]), recipe, 3).expect("a valid recipe")
}

/// Width and height of the label's bounding box.
fn bounds(label: &Mask) -> (usize, usize) {
    let on = || (0..SIDE * SIDE).filter(|&i| label.as_slice()[i]);
    let span = |of: fn(usize) -> usize| {
        let (low, high) = (on().map(of).min().unwrap_or(0), on().map(of).max().unwrap_or(0));
        high - low + 1
    };
    (span(|i| i % SIDE), span(|i| i / SIDE))
}

#[test]
fn outside_the_paste_the_image_is_unchanged_bit_for_bit() {
    let synthesizer = synthesizer(|_| {});
    for step in 0..60 {
        let (pair, base) = (synthesizer.pair(step, 0), synthesizer.base(step, 0));
        assert_eq!(pair.kinds.len(), 1);
        for (i, &pasted) in pair.label.as_slice().iter().enumerate() {
            if !pasted {
                assert_eq!([0, 1, 2].map(|c| pair.image.plane(c)[i]), [0, 1, 2].map(|c| base.plane(c)[i]));
            }
        }
        assert!(pair.label.any());
    }
}

#[test]
fn patches_have_cutpastes_area_and_aspect() {
    let upright = synthesizer(|recipe| {
        recipe.paper.scar_share = 0.0;
        recipe.paper.patch_rotation_degrees = 0.0;
    });
    let mut areas = Vec::new();
    for step in 0..200 {
        let pair = upright.pair(step, 0);
        assert_eq!(pair.kinds, [Kind::Patch]);
        let (width, height) = bounds(&pair.label);
        assert_eq!(pair.label.count(), width * height, "an upright patch fills its bounding box");
        let aspect = width as f32 / height as f32;
        assert!((0.27..=3.7).contains(&aspect), "{aspect}");
        areas.push(pair.label.count() as f32 / (SIDE * SIDE) as f32);
    }
    let (low, high) = areas.iter().fold((1.0f32, 0.0f32), |(l, h), &a| (l.min(a), h.max(a)));
    // A pixel more or less on each side.
    assert!((0.017..0.03).contains(&low) && (0.14..0.156).contains(&high), "{low} {high}");
}

#[test]
fn as_many_patches_are_pasted_as_the_recipe_says() {
    let several = synthesizer(|recipe| {
        recipe.anomalies = [2, 6];
        // Nothing but moving pixels about.
        recipe.paper.jitter = 0.0;
        recipe.paper.hue = 0.0;
    });
    let mut counts = [0; 7];
    for step in 0..100 {
        let pair = several.pair(step, 0);
        counts[pair.kinds.len()] += 1;
        assert!(pair.image.plane(0).iter().all(|red| (red - 0.7).abs() < 1e-3));
    }
    assert_eq!(counts.iter().sum::<usize>(), counts[2..=6].iter().sum::<usize>());
    assert!(counts[2..=6].iter().all(|&n| n >= 8), "{counts:?}");
}

#[test]
fn turned_patches_keep_their_area_within_the_image() {
    let turned = synthesizer(|recipe| recipe.paper.scar_share = 0.0);
    for step in 0..100 {
        let share = turned.pair(step, 0).label.count() as f32 / (SIDE * SIDE) as f32;
        assert!((0.018..=0.152).contains(&share), "{share}");
    }
}

#[test]
fn scars_have_cutpastes_width_and_length() {
    let upright = synthesizer(|recipe| {
        recipe.paper.scar_share = 1.0;
        recipe.paper.scar_rotation_degrees = 0.0;
    });
    for step in 0..200 {
        let pair = upright.pair(step, 0);
        assert_eq!(pair.kinds, [Kind::Scar]);
        let (width, height) = bounds(&pair.label);
        // Half of the published pixels: those are for 256 pixels a side.
        assert!((1..=9).contains(&width) && (4..=13).contains(&height), "{width} x {height}");
    }
}

#[test]
fn hard_augmentation_can_be_switched_off() {
    let red_changed = |hard: bool| {
        let synthesizer = synthesizer(|recipe| recipe.paper.hard_augmentation = hard);
        let changed = |step: &u64| {
            let image = synthesizer.pair(*step, 0).image;
            image.plane(0).iter().any(|red| (red - 0.7).abs() > 0.01)
        };
        (0..100).filter(changed).count()
    };
    // The red plane is even: only colour jitter can change it, and it comes half of the time.
    assert_eq!(red_changed(false), 0);
    assert!((30..=65).contains(&red_changed(true)), "{}", red_changed(true));
}

#[test]
fn half_of_the_pairs_are_clean_and_the_rest_changed() {
    let synthesizer = synthesizer(|recipe| recipe.clean_share = 0.5);
    let mut clean = 0;
    for step in 0..200 {
        let pair = synthesizer.pair(step, 0);
        let changed = change(&synthesizer.base(step, 0), &pair.image).iter().any(|&c| c > 0.0);
        assert_eq!(changed, !pair.kinds.is_empty());
        clean += usize::from(!changed);
    }
    assert!((72..=128).contains(&clean), "{clean} of 200");
}
