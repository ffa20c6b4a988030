//! Recipes: their ranges, their files, and that none within the ranges makes the synthesizer panic.

mod common;

use anoseg_synth::{Family, Flip, Recipe, SMALLEST_SIDE, SynthError, Synthesizer};
use common::parts;
use proptest::prelude::*;

/// A wrong change and the field its error must name.
type Wrong = (&'static str, fn(&mut Recipe));

#[test]
fn errors_name_the_field_and_the_range() {
    let wrong: [Wrong; 12] = [
        ("clean_share", |r| r.clean_share = 1.1),
        ("anomalies", |r| r.anomalies = [0, 2]),
        ("anomalies", |r| r.anomalies = [3, 2]),
        ("label_threshold", |r| r.label_threshold = f32::NAN),
        ("shapes", |r| r.shapes.line = -1.0),
        ("sources", |r| r.sources.tone = f32::INFINITY),
        ("blends.opacity", |r| r.blends.opacity = [0.9, 0.3]),
        ("size.smallest_px", |r| r.size.smallest_px = 0.0),
        ("size.large_shares", |r| r.size.large_shares = [0.3, 9.0]),
        ("base.scale", |r| r.base.scale = 1.0),
        ("paper.patch_area", |r| r.paper.patch_area = [0.0, 0.1]),
        ("paper.hue", |r| r.paper.hue = -0.1),
    ];
    for (expected, change) in wrong {
        let mut recipe = Recipe::default();
        change(&mut recipe);
        let error = recipe.validate().expect_err(expected);
        let SynthError::Recipe { field, expected: range, .. } = &error else { panic!("{error}") };
        assert_eq!(*field, expected);
        assert!(error.to_string().contains(expected) && error.to_string().contains(range), "{error}");
        assert!(Synthesizer::new(parts(1, 16, 16), recipe, 0).is_err());
    }
    let zero =
        anoseg_synth::ShapeWeights { rectangle: 0.0, ellipse: 0.0, polygon: 0.0, line: 0.0, noise: 0.0 };
    let none = Recipe { shapes: zero, ..Recipe::default() };
    assert!(none.validate().is_err());
}

#[test]
fn the_ready_made_recipes_are_valid_and_survive_their_files() -> Result<(), Box<dyn std::error::Error>> {
    for recipe in [Recipe::natural(), Recipe::paper()] {
        recipe.validate()?;
        assert_eq!(toml::from_str::<Recipe>(&toml::to_string(&recipe)?)?, recipe);
        assert_eq!(serde_json::from_str::<Recipe>(&serde_json::to_string(&recipe)?)?, recipe);
    }
    assert_eq!(Recipe::default(), Recipe::natural());
    Ok(())
}

#[test]
fn what_a_file_leaves_out_is_the_default_and_typing_errors_are_found()
-> Result<(), Box<dyn std::error::Error>> {
    let recipe: Recipe = toml::from_str("family = \"paper\"\n[size]\nlarge = 0.2\n")?;
    assert_eq!(recipe.family, Family::Paper);
    assert_eq!(recipe.size.large, 0.2);
    assert_eq!(recipe.size.smallest_px, Recipe::default().size.smallest_px);
    for wrong in ["clean_shares = 0.3", "[sources]\ntones = 1.0", "family = \"other\""] {
        assert!(toml::from_str::<Recipe>(wrong).is_err(), "{wrong}");
    }
    Ok(())
}

fn ordered(low: f32, high: f32) -> impl Strategy<Value = [f32; 2]> {
    (in_range(low, high), in_range(low, high)).prop_map(|(a, b)| [a.min(b), a.max(b)])
}

/// Any value of a range, its ends more often than chance would have it.
fn in_range(low: f32, high: f32) -> impl Strategy<Value = f32> {
    prop_oneof![4 => low..=high, 1 => Just(low), 1 => Just(high)]
}

prop_compose! {
    fn any_recipe()(
        paper in any::<bool>(),
        most in 1u32..=8,
        shapes in prop::array::uniform5(0f32..1.0),
        sources in prop::array::uniform10(0f32..1.0),
        shares in prop::array::uniform6(in_range(0.0, 1.0)),
        opacity in ordered(0.05, 1.0),
        smallest_px in in_range(1.0, 128.0),
        largest_share in in_range(0.01, 1.0),
        large_shares in ordered(0.05, 1.5),
        threshold in in_range(0.0, 0.5),
        base in (
            in_range(0.0, 180.0), in_range(0.0, 0.5), in_range(0.0, 128.0), in_range(0.0, 0.5), in_range(0.0, 0.9),
            in_range(0.0, 0.7), in_range(0.0, 0.2), in_range(0.0, 0.9), in_range(0.0, 0.5),
        ),
        flips in prop::array::uniform2(prop::sample::select(vec![Flip::Never, Flip::Always, Flip::Auto])),
        quarter_turns in any::<bool>(),
        paper_shares in prop::array::uniform2(in_range(0.0, 1.0)),
        turns in prop::array::uniform2(in_range(0.0, 180.0)),
        patch in (ordered(0.001, 0.5), ordered(0.1, 10.0), ordered(1.0, 128.0), ordered(1.0, 256.0)),
    ) -> Recipe {
        let mut recipe = if paper { Recipe::paper() } else { Recipe::natural() };
        recipe.anomalies = [1, most];
        let [rectangle, ellipse, polygon, line, noise] = shapes.map(|w| w + 0.01);
        recipe.shapes = anoseg_synth::ShapeWeights { rectangle, ellipse, polygon, line, noise };
        let [other_image, hard_augmented, shuffled, texture, flat_colour, tone, relief, blur, warp, missing] =
            sources.map(|w| w + 0.01);
        recipe.sources = anoseg_synth::SourceWeights {
            other_image, hard_augmented, shuffled, texture, flat_colour, tone, relief, blur, warp, missing,
        };
        let [clean, feathered, transparent, poisson, large, on_foreground] = shares;
        recipe.clean_share = 0.3 * clean;
        recipe.on_foreground = on_foreground;
        recipe.label_threshold = threshold;
        recipe.blends = anoseg_synth::BlendShares { feathered, transparent, opacity, poisson };
        recipe.size = anoseg_synth::SizeRange { smallest_px, largest_share, large, large_shares };
        let (rotation_degrees, scale, shift_px, brightness, contrast, gamma, noise, light, white_balance) = base;
        let [light, white_balance] = [light, white_balance].map(anoseg_synth::Variation::UpTo);
        recipe.base = anoseg_synth::BaseAugmentation {
            rotation_degrees, scale, shift_px, brightness, contrast, gamma, noise, light, white_balance,
            flip_horizontal: flips[0], flip_vertical: flips[1], quarter_turns,
        };
        (recipe.paper.patch_area, recipe.paper.patch_aspect) = (patch.0, patch.1);
        (recipe.paper.scar_width_px, recipe.paper.scar_length_px) = (patch.2, patch.3);
        [recipe.paper.jitter, recipe.paper.scar_share] = paper_shares;
        [recipe.paper.patch_rotation_degrees, recipe.paper.scar_rotation_degrees] = turns;
        recipe
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_recipe_on_any_size_gives_whole_pairs(
        recipe in any_recipe(),
        width in SMALLEST_SIDE..80,
        height in SMALLEST_SIDE..80,
        count in 1usize..4,
        seed in any::<u64>(),
    ) {
        let synthesizer = Synthesizer::new(parts(count, width, height), recipe, seed).expect("within its ranges");
        for pair in synthesizer.batch(seed, 4) {
            prop_assert_eq!((pair.image.width(), pair.image.height()), (width, height));
            prop_assert_eq!((pair.label.width(), pair.label.height()), (width, height));
            prop_assert!(pair.source < count);
            prop_assert!(pair.image.as_slice().iter().all(|v| (-1e-5..=1.00001).contains(v)));
            prop_assert_eq!(pair.kinds.is_empty(), !pair.label.any());
        }
    }
}
