//! The strongest place of a map without reported regions.

use anoseg_image::regions::{label_components, labelled_regions};
use anoseg_image::{AnomalyMap, Mask, Region};

/// The place of the map's highest value: the connected pixels around it that lie above the pixel
/// threshold if the highest value does, and above the middle between the map's mean and its highest
/// value otherwise. It has at least one pixel.
///
/// # Panics
/// If the map has no pixels.
pub(crate) fn strongest_place(
    map: &AnomalyMap,
    inside: Option<&Mask>,
    pixel_threshold: f32,
) -> (Mask, Region) {
    let values = map.as_slice();
    let counts = |i: usize| inside.is_none_or(|inside| inside.as_slice()[i]);
    let peak = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let at = (0..values.len()).position(|i| values[i] == peak && counts(i)).unwrap_or(0);
    let pixels = inside.map_or(values.len(), Mask::count).max(1);
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / pixels as f64;
    let middle = ((mean + f64::from(peak)) / 2.0) as f32;
    let level = if peak > pixel_threshold { pixel_threshold } else { middle };
    let mut mask = map.map(|&value| value > level);
    mask.as_mut_slice()[at] = true;
    let components = label_components(&mask);
    let label = components.labels.as_slice()[at];
    for (marked, &other) in mask.as_mut_slice().iter_mut().zip(components.labels.as_slice()) {
        *marked = other == label;
    }
    // The regions come in the order of their labels, which begin at 1.
    (mask, labelled_regions(&components, map)[label as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_threshold_the_place_is_what_stands_out_around_the_peak() {
        let map = AnomalyMap::from_fn(20, 10, |x, y| match (x, y) {
            (4, 4) => 0.4,
            (3..=5, 3..=5) => 0.3,
            (10..=12, 3..=5) => 0.35,
            _ => 0.1,
        });
        let (mask, region) = strongest_place(&map, None, 0.5);
        assert_eq!((region.x, region.y, region.width, region.height, region.area), (3, 3, 3, 3, 9));
        assert_eq!((region.peak, region.peak_x, region.peak_y), (0.4, 4, 4));
        assert_eq!(mask.count(), 9);
    }

    #[test]
    fn above_the_threshold_it_is_the_region_that_the_filter_dropped() {
        let map = AnomalyMap::from_fn(20, 10, |x, _| if x < 5 { 0.6 } else { 0.1 });
        let (mask, region) = strongest_place(&map, None, 0.5);
        assert_eq!((region.area, mask.count()), (50, 50));
    }

    #[test]
    fn a_flat_map_gives_one_pixel() {
        for value in [0.0, 0.3, 1.0] {
            let (mask, region) = strongest_place(&AnomalyMap::filled(9, 8, value), None, 1.0);
            assert_eq!((region.area, mask.count(), region.peak), (1, 1, value));
        }
    }
    #[test]
    fn the_place_lies_inside() {
        let inside = Mask::from_fn(20, 10, |x, _| x >= 15);
        let flat = AnomalyMap::filled(20, 10, 0.0);
        assert_eq!(strongest_place(&flat, Some(&inside), 0.5).1.x, 15);
        // The mean is that of the pixels inside.
        let map = AnomalyMap::from_fn(20, 10, |x, y| match (x, y) {
            (17, 4) => 0.4,
            (16..=18, 3..=5) => 0.38,
            (15.., _) => 0.3,
            _ => 0.0,
        });
        assert_eq!(strongest_place(&map, Some(&inside), 0.5).1.area, 9);
    }
}
