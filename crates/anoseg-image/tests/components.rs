//! Components and outlines against a plain flood fill.

// The lint's exception for tests does not reach their helper functions.
#![allow(clippy::unwrap_used)]

use anoseg_image::regions::{label_components, outline, regions};
use anoseg_image::{AnomalyMap, Mask, Plane};
use proptest::prelude::*;

/// Draws a mask: `#` anomalous, one string per row.
fn mask(rows: &[&str]) -> Mask {
    Mask::from_fn(rows[0].len(), rows.len(), |x, y| rows[y].as_bytes()[x] == b'#')
}

/// The oracle: flood fill from each pixel that has no label yet.
fn flood(mask: &Mask) -> (Plane<u32>, usize) {
    let (width, height) = (mask.width(), mask.height());
    let mut labels = Plane::filled(width, height, 0);
    let mut count = 0;
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        if !mask.get(x, y) || labels.get(x, y) != 0 {
            continue;
        }
        count += 1;
        let mut waiting = vec![(x, y)];
        while let Some((x, y)) = waiting.pop() {
            if mask.get(x, y) && labels.get(x, y) == 0 {
                labels.set(x, y, count as u32);
                let rows = y.saturating_sub(1)..(y + 2).min(height);
                waiting.extend(
                    rows.flat_map(|y| (x.saturating_sub(1)..(x + 2).min(width)).map(move |x| (x, y))),
                );
            }
        }
    }
    (labels, count)
}

#[test]
fn corners_join_and_numbers_follow_the_first_pixel() {
    let labels = label_components(&mask(&["#..#.", ".#...", "...##", "#...."]));
    assert_eq!(labels.count, 4);
    #[rustfmt::skip]
    assert_eq!(labels.labels.as_slice(), [
        1, 0, 0, 2, 0,
        0, 1, 0, 0, 0,
        0, 0, 0, 3, 3,
        4, 0, 0, 0, 0,
    ]);
}

#[test]
fn a_spiral_is_one_component() {
    let labels = label_components(&mask(&[
        "#######", "......#", "#####.#", "#...#.#", "#.###.#", "#.....#", "#######",
    ]));
    assert_eq!(labels.count, 1);
}

#[test]
fn a_large_comb_takes_linear_time() {
    // Teeth that join only in the last row: the most unions there can be.
    let comb = Mask::from_fn(2000, 2000, |x, y| x % 2 == 0 || y == 1999);
    let started = std::time::Instant::now();
    assert_eq!(label_components(&comb).count, 1);
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn regions_have_box_area_and_peak() {
    let mask = mask(&["..#..", ".##..", "....#"]);
    let map = AnomalyMap::from_vec(5, 3, (0..15).map(|i| if i == 7 { 0.5 } else { i as f32 }).collect());
    let found = regions(&mask, &map);
    // The corner pixel (4, 2) does not touch (2, 1).
    assert_eq!(found.len(), 2);
    let first = found[0];
    assert_eq!((first.x, first.y, first.width, first.height, first.area), (1, 0, 2, 2, 3));
    assert_eq!((first.peak, first.peak_x, first.peak_y), (6.0, 1, 1));
    let second = found[1];
    assert_eq!((second.x, second.y, second.width, second.height, second.area), (4, 2, 1, 1, 1));
    assert_eq!(second.peak, 14.0);
}

#[test]
fn values_that_are_no_numbers_are_never_the_peak() {
    let found =
        regions(&Mask::filled(3, 1, true), &AnomalyMap::from_vec(3, 1, vec![f32::NAN, 0.25, f32::NAN]));
    assert_eq!((found[0].peak, found[0].peak_x), (0.25, 1));
}

#[test]
fn the_outline_is_the_rim_and_lies_inside() {
    let rim = outline(&mask(&["......", ".####.", ".####.", ".####.", "......"]));
    assert_eq!(rim, mask(&["......", ".####.", ".#..#.", ".####.", "......"]));
    let full = outline(&Mask::filled(4, 3, true));
    assert_eq!(full, mask(&["####", "#..#", "####"]), "the border of the image counts as outside");
    assert!(!outline(&Mask::filled(4, 4, false)).any());
    assert_eq!(outline(&Mask::filled(0, 0, true)).count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn labels_are_those_of_a_flood_fill(
        (width, height, dice) in (0usize..24, 0usize..24)
            .prop_flat_map(|(w, h)| (Just(w), Just(h), prop::collection::vec(0u8..100, w * h))),
        density in 10u8..90,
    ) {
        let mask = Mask::from_vec(width, height, dice.iter().map(|&d| d < density).collect());
        let labels = label_components(&mask);
        prop_assert_eq!((labels.labels.clone(), labels.count), flood(&mask));

        let map = AnomalyMap::from_vec(width, height, dice.iter().map(|&d| f32::from(d)).collect());
        let found = regions(&mask, &map);
        prop_assert_eq!(found.iter().map(|region| region.area).sum::<usize>(), mask.count());
        for (index, region) in found.iter().enumerate() {
            let inside: Vec<(usize, usize)> = (0..height)
                .flat_map(|y| (0..width).map(move |x| (x, y)))
                .filter(|&(x, y)| labels.labels.get(x, y) as usize == index + 1)
                .collect();
            let left = inside.iter().map(|p| p.0).min().unwrap();
            let right = inside.iter().map(|p| p.0).max().unwrap();
            let top = inside.iter().map(|p| p.1).min().unwrap();
            let bottom = inside.iter().map(|p| p.1).max().unwrap();
            prop_assert_eq!((region.x, region.y), (left, top));
            prop_assert_eq!((region.width, region.height), (right - left + 1, bottom - top + 1));
            let peak = inside.iter().map(|&(x, y)| map.get(x, y)).fold(f32::MIN, f32::max);
            prop_assert_eq!(region.peak, peak);
            prop_assert_eq!(map.get(region.peak_x, region.peak_y), peak);
        }
    }
}
