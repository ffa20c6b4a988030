//! The value scale: in files, in preprocessing, and of images of every sample type.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use anoseg_image::{Filter, Image, SampleType};
use anoseg_infer::{Levels, Preprocess, ValueScale};
use proptest::prelude::*;

const FULL: f32 = 65_535.0;

fn levels(black: f32, white: f32) -> Levels {
    Levels { black, white }
}

#[test]
fn files_of_8_bit_sets_can_be_read_by_earlier_versions() {
    let plain = Preprocess::square(64, Filter::Bilinear);
    let json = serde_json::to_value(&plain).unwrap();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["channels", "filter", "geometry"]);
    assert_eq!(serde_json::from_value::<Preprocess>(json).unwrap(), plain);
}

#[test]
fn the_scale_is_stored_as_far_as_it_is_not_the_full_one() {
    let scale = ValueScale { u16: levels(0.0, 1023.0 / FULL), ..ValueScale::default() };
    let preprocess = Preprocess::square(64, Filter::Bilinear).with_scale(scale);
    let json = serde_json::to_string(&preprocess).unwrap();
    assert!(json.contains(r#""scale":{"u16":{"black":0.0,"white":0.015"#), "{json}");
    assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), preprocess);
    assert!(serde_json::from_str::<Preprocess>(&json.replace("u16", "u32")).is_err());
}

#[test]
fn a_scale_out_of_range_is_named() {
    let scale = ValueScale { f32: levels(2.0, 2.0), ..ValueScale::default() };
    let error = Preprocess::square(64, Filter::Bilinear).with_scale(scale).validate(32).unwrap_err();
    assert_eq!(error.name, "preprocess.scale.f32");
}

/// The former rule clamped floats before they were resampled.
#[test]
fn without_a_scale_floats_are_clamped_as_before() {
    let values = |x: usize| [0.3, 1.4, -0.2, 0.9][x % 4];
    let floats = Image::from_fn(32, 8, |x, _| [values(x); 3]).with_sample_type(SampleType::F32);
    let clamped = Image::from_fn(32, 8, |x, _| [values(x).clamp(0.0, 1.0); 3]);
    for filter in [Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3] {
        let preprocess = Preprocess::square(8, filter);
        assert_eq!(preprocess.apply(&floats), preprocess.apply(&clamped));
    }
}

/// One hot pixel has no effect beyond its place.
#[test]
fn values_beyond_the_scale_are_clipped_before_resampling() {
    let scale = ValueScale { u16: levels(0.0, 1023.0 / FULL), ..ValueScale::default() };
    let preprocess = Preprocess::square(4, Filter::Bilinear).with_scale(scale);
    let with = |value: f32| {
        let image = Image::from_fn(32, 32, |x, y| [if (x, y) == (9, 9) { value / FULL } else { 0.0 }; 3]);
        preprocess.apply(&image.with_sample_type(SampleType::U16))
    };
    assert_eq!(with(65_535.0), with(1023.0));
}

/// Samples of this width in a file of 16 bits.
fn camera(bits: u32, values: &[f32]) -> Image {
    let white = ((1u32 << bits) - 1) as f32;
    let sample = |i: usize| (values[i % values.len()] * white).round() / FULL;
    Image::from_fn(24, 16, |x, y| [sample(x + 24 * y), sample(x + 7 * y), sample(3 * x + y)])
        .with_sample_type(SampleType::U16)
}

fn far(a: &Image, b: &Image) -> f32 {
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

proptest! {
    /// The same scene from a camera of any width is the same input of the network.
    #[test]
    fn the_width_of_the_samples_does_not_matter(
        values in prop::collection::vec(0f32..=1.0, 8..60),
        filter in prop::sample::select(vec![Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3]),
    ) {
        let full = Preprocess::square(8, filter);
        let expected = full.apply(&camera(16, &values));
        for bits in [10, 12, 14] {
            let white = ((1u32 << bits) - 1) as f32 / FULL;
            let scaled = full.clone().with_scale(ValueScale { u16: levels(0.0, white), ..Default::default() });
            let found = scaled.apply(&camera(bits, &values));
            prop_assert!(far(&found, &expected) < 2.0 / 1023.0, "{bits} bits: {}", far(&found, &expected));
        }
    }

    /// Training resamples before it knows the scale. The result is that of [`Preprocess::apply`].
    #[test]
    fn scaling_after_resampling_is_the_same_bit_for_bit(
        values in prop::collection::vec(-40f32..=90.0, 8..60),
        filter in prop::sample::select(vec![Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3]),
    ) {
        let scale = ValueScale { f32: levels(-50.0, 100.0), u16: levels(0.0, 4095.0 / FULL) };
        let preprocess = Preprocess::square(8, filter).with_scale(scale);
        let floats = Image::from_fn(24, 16, |x, y| [values[(x + 24 * y) % values.len()]; 3])
            .with_sample_type(SampleType::F32);
        let integers = camera(12, &values.iter().map(|v| v.abs() / 90.0).collect::<Vec<_>>());
        for image in [floats, integers] {
            let later = preprocess.scale_resampled(preprocess.resample(&image));
            prop_assert_eq!(&later, &preprocess.apply(&image));
            prop_assert!(later.as_slice().iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }

    /// What people are shown and what the network gets are on the same scale.
    #[test]
    fn shown_images_are_on_the_scale_too(values in prop::collection::vec(-2f32..=3.0, 8..60)) {
        let scale = ValueScale { f32: levels(-1.0, 2.0), ..ValueScale::default() };
        let preprocess = Preprocess::square(16, Filter::Bilinear).with_scale(scale);
        let image = Image::from_fn(16, 16, |x, y| [values[(x + 16 * y) % values.len()]; 3])
            .with_sample_type(SampleType::F32);
        let shown = preprocess.scaled(&image).into_owned();
        prop_assert!(far(&shown, &preprocess.apply(&image)) < 1e-6, "at the same size nothing is resampled");
    }
}
