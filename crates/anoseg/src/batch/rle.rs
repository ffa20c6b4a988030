//! Pixels of a region as run lengths, as COCO has them.

use anoseg_image::regions::label_components;
use anoseg_image::{Mask, Region};
use serde::{Deserialize, Serialize};

/// Uncompressed run lengths of a mask: column by column, how many pixels are outside, inside,
/// outside and so on, beginning with outside. It is COCO's format for masks; `pycocotools` reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rle {
    /// `[height, width]` of the image in pixels.
    pub size: [usize; 2],
    /// The lengths. Their sum is the number of pixels.
    pub counts: Vec<usize>,
}

/// The pixels of a region of `mask`.
pub(super) fn encode(region: &Region, mask: &Mask) -> Rle {
    let inside = pixels(region, mask);
    let [height, width] = [mask.height(), mask.width()];
    let mut counts = Vec::new();
    // The pixels counted so far end outside if the number of runs is odd.
    let mut end = 0;
    for x in 0..region.width {
        for y in (0..region.height).filter(|&y| inside.get(x, y)) {
            let at = (region.x + x) * height + region.y + y;
            match counts.last_mut() {
                Some(run) if at == end => *run += 1,
                _ => counts.extend([at - end, 1]),
            }
            end = at + 1;
        }
    }
    if end < width * height {
        counts.push(width * height - end);
    }
    Rle { size: [height, width], counts }
}

/// The pixels of one region within its box: other regions may reach into it.
fn pixels(region: &Region, mask: &Mask) -> Mask {
    let (left, top) = (region.x, region.y);
    let cut = Mask::from_fn(region.width, region.height, |x, y| mask.get(left + x, top + y));
    let labels = label_components(&cut).labels;
    let label = labels.get(region.peak_x - left, region.peak_y - top);
    labels.map(|&other| other == label && label > 0)
}

#[cfg(test)]
mod tests {
    use anoseg_image::AnomalyMap;
    use anoseg_image::regions::regions;

    use super::*;

    /// The mask that run lengths stand for.
    fn decode(rle: &Rle) -> Mask {
        let [height, width] = rle.size;
        let runs = rle.counts.iter().enumerate().flat_map(|(i, &run)| std::iter::repeat_n(i % 2 == 1, run));
        let pixels: Vec<bool> = runs.collect();
        assert_eq!(pixels.len(), height * width);
        Mask::from_fn(width, height, |x, y| pixels[x * height + y])
    }

    /// Masks of all densities from a small generator of pseudo-random bits.
    fn masks() -> impl Iterator<Item = Mask> {
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        (0..300).map(move |i| {
            let (width, height) = (1 + next() as usize % 12, 1 + next() as usize % 12);
            Mask::from_fn(width, height, |_, _| next() % 10 < i % 11)
        })
    }

    #[test]
    fn the_regions_of_a_mask_are_its_pixels_each_once() {
        for mask in masks() {
            let map = AnomalyMap::from_fn(mask.width(), mask.height(), |x, y| (x * 7 + y * 3) as f32);
            let mut count = 0;
            for region in regions(&mask, &map) {
                let decoded = decode(&encode(&region, &mask));
                assert_eq!(decoded.count(), region.area);
                count += region.area;
                let inside = |x, y| !decoded.get(x, y) || mask.get(x, y);
                assert!((0..mask.width()).all(|x| (0..mask.height()).all(|y| inside(x, y))));
                let again = regions(&decoded, &map);
                assert_eq!(again, [region], "the same box, area and peak");
            }
            assert_eq!(count, mask.count());
        }
    }

    #[test]
    fn a_region_at_the_corner_begins_with_no_pixel_outside() {
        let mask = Mask::from_fn(3, 2, |x, _| x == 0);
        let region = regions(&mask, &AnomalyMap::filled(3, 2, 0.5))[0];
        assert_eq!(encode(&region, &mask), Rle { size: [2, 3], counts: vec![0, 2, 4] });
        let all = Mask::filled(3, 2, true);
        let region = regions(&all, &AnomalyMap::filled(3, 2, 0.5))[0];
        assert_eq!(encode(&region, &all).counts, [0, 6]);
    }
}
