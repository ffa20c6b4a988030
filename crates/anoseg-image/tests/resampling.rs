//! Resampling against Pillow, and against properties that any resampling has.

// The lint's exception for tests does not reach their helper functions.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use anoseg_image::resample::{resize, resize_map, resize_mask_area};
use anoseg_image::{AnomalyMap, Filter, Image, Limits, Mask, decode};
use proptest::prelude::*;

const SIZES: [(usize, usize); 6] = [(16, 12), (37, 29), (122, 94), (61, 20), (20, 47), (90, 31)];

fn fixture(name: &str) -> Image {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resampled").join(name);
    decode::load(&path, &Limits::default()).unwrap()
}

/// The fixtures hold Pillow's float results rounded to 8 bits once, so half a level may lie
/// between.
///
/// Pillow's 8-bit images differ a little more from ours, because there it rounds, and clips
/// overshoot, between rows and columns too: at most one level for the bilinear filter.
#[test]
fn agrees_with_pillow() {
    let photo = fixture("photo.png");
    let filters =
        [(Filter::Bilinear, "bilinear"), (Filter::CatmullRom, "catmull_rom"), (Filter::Lanczos3, "lanczos3")];
    for (filter, name) in filters {
        for (width, height) in SIZES {
            let pillow = fixture(&format!("{name}_{width}x{height}.png"));
            let ours = resize(&photo, width, height, filter);
            assert_eq!((ours.width(), ours.height()), (width, height));
            let levels = ours.as_slice().iter().zip(pillow.as_slice()).map(|(a, b)| (a - b).abs() * 255.0);
            let largest = levels.fold(0.0, f32::max);
            assert!(largest < 0.51, "{name} {width} x {height}: {largest} levels");
        }
    }
}

#[test]
fn the_same_size_changes_nothing() {
    let photo = fixture("photo.png");
    for filter in [Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3] {
        assert_eq!(resize(&photo, photo.width(), photo.height(), filter), photo);
    }
}

#[test]
fn filter_names_are_those_of_the_configuration() {
    let name = |filter: Filter| serde_json::to_string(&filter).unwrap();
    assert_eq!(name(Filter::Bilinear), "\"bilinear\"");
    assert_eq!(name(Filter::CatmullRom), "\"catmull_rom\"");
    assert_eq!(name(Filter::Lanczos3), "\"lanczos3\"");
}

#[test]
fn empty_planes_do_no_harm() {
    let empty = Image::filled(0, 0, [0.0; 3]);
    assert_eq!(resize(&empty, 4, 4, Filter::Bilinear), Image::filled(4, 4, [0.0; 3]));
    assert_eq!(resize(&Image::filled(4, 4, [1.0; 3]), 0, 3, Filter::Bilinear).width(), 0);
    assert_eq!(resize_map(&AnomalyMap::filled(3, 3, 1.0), 5, 0).height(), 0);
    let share = resize_mask_area(&Mask::filled(0, 5, true), 2, 2);
    assert_eq!(share, AnomalyMap::filled(2, 2, 0.0));
    assert_eq!(resize_mask_area(&Mask::filled(3, 3, true), 0, 2).width(), 0);
}

/// Linear interpolation at half-pixel centres, written down directly.
fn interpolated(map: &AnomalyMap, width: usize, height: usize) -> AnomalyMap {
    let place = |i: usize, from: usize, to: usize| {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, from as f64 - 1.0);
        let low = at.floor() as usize;
        (low, (low + 1).min(from - 1), at - low as f64)
    };
    AnomalyMap::from_fn(width, height, |x, y| {
        let (left, right, fx) = place(x, map.width(), width);
        let (top, bottom, fy) = place(y, map.height(), height);
        let row = |y: usize| f64::from(map.get(left, y)) * (1.0 - fx) + f64::from(map.get(right, y)) * fx;
        (row(top) * (1.0 - fy) + row(bottom) * fy) as f32
    })
}

/// The share of each target pixel that is anomalous, by cutting every pixel into `width * height`
/// parts.
fn counted_share(mask: &Mask, width: usize, height: usize) -> AnomalyMap {
    AnomalyMap::from_fn(width, height, |x, y| {
        let (w, h) = (mask.width(), mask.height());
        let parts =
            (y * h..(y + 1) * h).flat_map(|v| (x * w..(x + 1) * w).map(move |u| (u / width, v / height)));
        parts.filter(|&(u, v)| mask.get(u, v)).count() as f32 / (w * h) as f32
    })
}

fn map(most: usize) -> impl Strategy<Value = AnomalyMap> {
    (1..most, 1..most).prop_flat_map(|(width, height)| {
        prop::collection::vec(0.0f32..1.0, width * height)
            .prop_map(move |data| AnomalyMap::from_vec(width, height, data))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn enlarging_a_map_interpolates(map in map(12), more_x in 0usize..20, more_y in 0usize..20) {
        let (width, height) = (map.width() + more_x, map.height() + more_y);
        let (ours, expected) = (resize_map(&map, width, height), interpolated(&map, width, height));
        for (a, b) in ours.as_slice().iter().zip(expected.as_slice()) {
            prop_assert!((a - b).abs() < 1e-5, "{a} instead of {b}");
        }
    }

    #[test]
    fn a_map_stays_in_its_range(map in map(30), width in 1usize..40, height in 1usize..40) {
        let range = |map: &AnomalyMap| {
            map.as_slice().iter().fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)))
        };
        let ((low, high), (new_low, new_high)) = (range(&map), range(&resize_map(&map, width, height)));
        prop_assert!(new_low >= low - 1e-6 && new_high <= high + 1e-6);
    }

    #[test]
    fn every_filter_keeps_flat_images(
        value in 0.0f32..1.0, w in 1usize..30, h in 1usize..30, width in 1usize..40, height in 1usize..40,
    ) {
        for filter in [Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3] {
            let resized = resize(&Image::filled(w, h, [value, 0.0, 1.0]), width, height, filter);
            prop_assert!(resized.plane(0).iter().all(|v| (v - value).abs() < 1e-5));
            prop_assert!(resized.as_slice().iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }

    #[test]
    fn mask_shares_are_exact(
        (w, h, bits) in (1usize..14, 1usize..14)
            .prop_flat_map(|(w, h)| (Just(w), Just(h), prop::collection::vec(any::<bool>(), w * h))),
        width in 1usize..16, height in 1usize..16,
    ) {
        let mask = Mask::from_vec(w, h, bits);
        prop_assert_eq!(resize_mask_area(&mask, width, height), counted_share(&mask, width, height));
    }
}
