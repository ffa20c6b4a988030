//! Automatic segmentation of the part from a plain background.

use anoseg_image::{Image, Mask, Plane};
use rayon::prelude::*;

use crate::connected::flood;
use crate::filter::box_blur;

/// The part in one training image.
#[derive(Clone, Debug)]
pub(crate) struct Foreground {
    /// `true` on the part.
    pub(crate) mask: Mask,
    /// Pixels of the part beside the background, (column, row).
    pub(crate) contour: Vec<(u32, u32)>,
}

/// A background is plain when its border colours differ by at most this,
const PLAIN: f32 = 0.14;
/// along this share of the border. The rest of the border may show the part or another object.
const PLAIN_BORDER: f32 = 0.7;
/// A part covers at least and at most this share of the image.
const SHARE: std::ops::RangeInclusive<f32> = 0.05..=0.90;
/// The segmentation is used only if at least this share of the images gives a part of a similar
/// area.
const AGREEMENT: f32 = 0.7;

/// Segments the part in each image. `None` unless the border has one colour, the distances to that
/// colour form two groups, and most images agree on the area.
pub(crate) fn estimate(images: &[Image]) -> Vec<Option<Foreground>> {
    let distances: Vec<Option<Distance>> = images.par_iter().map(Distance::to_border_colour).collect();
    let plain = distances.iter().flatten().count() as f32;
    let none = || images.iter().map(|_| None).collect();
    if plain < AGREEMENT * images.len() as f32 {
        return none();
    }
    let Some(threshold) = common_threshold(&distances) else { return none() };
    let masks: Vec<Option<Mask>> =
        distances.par_iter().map(|distance| part_above(distance.as_ref()?, threshold)).collect();
    let agreed = drop_outliers(masks);
    if (agreed.iter().flatten().count() as f32) < AGREEMENT * images.len() as f32 {
        return none();
    }
    let with_contour = |mask: Mask| Foreground { contour: contour(&mask), mask };
    agreed.into_iter().map(|mask| mask.map(with_contour)).collect()
}

/// The distance of each pixel's colour from the background colour.
struct Distance {
    /// Largest difference of the three channels, slightly blurred.
    plane: Plane<f32>,
    /// Its greatest value along the plain share of the border.
    spread: f32,
}

impl Distance {
    /// `None` if the border does not have one colour.
    fn to_border_colour(image: &Image) -> Option<Self> {
        let (width, height) = (image.width(), image.height());
        let border = border(width, height);
        let median = [0, 1, 2].map(|c| {
            let plane = image.plane(c);
            quantile(border.iter().map(|&i| plane[i]).collect(), 0.5)
        });
        let [red, green, blue] = [0, 1, 2].map(|c| image.plane(c));
        let mut data: Vec<f32> = (0..width * height)
            .map(|i| {
                let apart = [red[i] - median[0], green[i] - median[1], blue[i] - median[2]];
                apart.into_iter().fold(0.0, |most: f32, d| most.max(d.abs()))
            })
            .collect();
        box_blur(&mut data, width, height, (width.min(height) / 128).max(1));
        let spread = quantile(border.iter().map(|&i| data[i]).collect(), PLAIN_BORDER);
        (spread <= PLAIN).then(|| Self { plane: Plane::from_vec(width, height, data), spread })
    }
}

/// Indices of the pixels along the border, 1/64 of the shorter side wide.
fn border(width: usize, height: usize) -> Vec<usize> {
    let depth = (width.min(height) / 64).max(1);
    let near = |at: usize, side: usize| at < depth || at + depth >= side;
    (0..width * height).filter(|i| near(i % width, width) || near(i / width, height)).collect()
}

fn quantile(mut values: Vec<f32>, share: f32) -> f32 {
    let rank = ((values.len() as f32 * share) as usize).min(values.len() - 1);
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// Otsu's threshold of the distances of all images, lowered to the upper end of the background
/// group; `None` if there are not two groups.
fn common_threshold(distances: &[Option<Distance>]) -> Option<f32> {
    const BINS: usize = 256;
    let mut histogram = [0u64; BINS];
    for value in distances.iter().flatten().flat_map(|d| d.plane.as_slice()) {
        histogram[(value * BINS as f32).clamp(0.0, 255.0) as usize] += 1;
    }
    let (threshold, separability) = otsu(&histogram);
    let spreads = distances.iter().flatten().map(|d| d.spread).collect();
    let noise = 1.2 * quantile(spreads, 0.75);
    // A part has light and dark areas; Otsu's threshold would exclude the areas closest to the
    // background colour.
    let low = (0.75 * threshold as f32 / BINS as f32).max(noise).max(0.05);
    (separability > 0.6 && threshold > 20).then_some(low)
}

/// The best bin to split a histogram at (Otsu 1979), and the share of the variance between the two
/// sides.
fn otsu(histogram: &[u64]) -> (usize, f64) {
    let total: u64 = histogram.iter().sum();
    let moment = |power: i32| -> f64 {
        histogram.iter().enumerate().map(|(i, &n)| n as f64 * (i as f64).powi(power)).sum::<f64>()
            / total as f64
    };
    let (mean, square) = (moment(1), moment(2));
    let variance = square - mean * mean;
    if variance.is_nan() || variance <= 0.0 {
        return (0, 0.0);
    }
    let (mut below, mut sum_below) = (0.0, 0.0);
    let mut best = (0, 0.0);
    for (bin, &count) in histogram.iter().enumerate() {
        below += count as f64 / total as f64;
        sum_below += bin as f64 * count as f64 / total as f64;
        if below <= 0.0 || below >= 1.0 {
            continue;
        }
        let between = (mean * below - sum_below).powi(2) / (below * (1.0 - below));
        if between > best.1 {
            best = (bin + 1, between);
        }
    }
    (best.0, best.1 / variance)
}

/// The large connected regions above the threshold, with holes filled; `None` if their area or
/// position does not fit a part.
fn part_above(distance: &Distance, threshold: f32) -> Option<Mask> {
    let (width, height) = (distance.plane.width(), distance.plane.height());
    let above = distance.plane.map(|&d| d > threshold);
    let solid = without_holes(&above);
    let mask = large_parts(&solid);
    let share = mask.count() as f32 / (width * height) as f32;
    let border = border(width, height);
    let on_border = border.iter().filter(|&&i| mask.as_slice()[i]).count() as f32 / border.len() as f32;
    (SHARE.contains(&share) && on_border < 0.4).then_some(mask)
}

/// Everything that cannot be reached from the border over background pixels.
fn without_holes(mask: &Mask) -> Mask {
    let (width, height) = (mask.width(), mask.height());
    let mut outside = Mask::filled(width, height, false);
    for start in border(width, height) {
        flood(mask, false, start, &mut outside);
    }
    outside.map(|&outside| !outside)
}

/// The connected regions that are at least a quarter as large as the largest one.
fn large_parts(mask: &Mask) -> Mask {
    let (width, height) = (mask.width(), mask.height());
    let mut seen = Mask::filled(width, height, false);
    let mut parts: Vec<Vec<usize>> = (0..width * height)
        .map(|start| flood(mask, true, start, &mut seen))
        .filter(|p| !p.is_empty())
        .collect();
    let largest = parts.iter().map(Vec::len).max().unwrap_or(0);
    parts.retain(|part| 4 * part.len() >= largest);
    let mut kept = Mask::filled(width, height, false);
    for i in parts.into_iter().flatten() {
        kept.as_mut_slice()[i] = true;
    }
    kept
}

/// Keeps the masks whose area is within a factor of two of the median area.
fn drop_outliers(masks: Vec<Option<Mask>>) -> Vec<Option<Mask>> {
    let areas: Vec<f32> = masks.iter().flatten().map(|mask| mask.count() as f32).collect();
    if areas.is_empty() {
        return masks;
    }
    let median = quantile(areas, 0.5);
    let similar = |mask: &Mask| (0.5 * median..=2.0 * median).contains(&(mask.count() as f32));
    masks.into_iter().map(|mask| mask.filter(|mask| similar(mask))).collect()
}

fn contour(mask: &Mask) -> Vec<(u32, u32)> {
    let (width, height) = (mask.width(), mask.height());
    let mut found = Vec::new();
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let beside = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)];
            if mask.get(x, y) && beside.iter().any(|&(x, y)| !mask.get(x, y)) {
                found.push((x as u32, y as u32));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(x: usize, y: usize, cx: f32, radius: f32) -> bool {
        (x as f32 - cx).hypot(y as f32 - 32.0) < radius
    }

    #[test]
    fn a_disc_with_a_hole_on_plain_ground_is_found_whole() {
        let images: Vec<Image> = (0..5)
            .map(|n| {
                let cx = 28.0 + 2.0 * n as f32;
                Image::from_fn(64, 64, |x, y| {
                    let shade = 0.85 + 0.002 * ((x * 7 + y * 5) % 11) as f32;
                    let ring = disc(x, y, cx, 20.0) && !disc(x, y, cx, 8.0);
                    if ring { [0.3, 0.2, 0.1] } else { [shade; 3] }
                })
            })
            .collect();
        for (n, part) in estimate(&images).into_iter().enumerate() {
            let part = part.expect("plain background");
            let truth = Mask::from_fn(64, 64, |x, y| disc(x, y, 28.0 + 2.0 * n as f32, 20.0));
            let wrong = truth.as_slice().iter().zip(part.mask.as_slice()).filter(|(a, b)| a != b).count();
            assert!(wrong < 150, "{wrong} of {} pixels differ", truth.count());
            assert!(part.contour.len() > 80);
        }
    }

    #[test]
    fn textures_flat_images_and_busy_borders_have_no_part() {
        let flat = vec![Image::filled(32, 32, [0.5; 3]); 3];
        let texture = vec![Image::from_fn(32, 32, |x, y| [((x * 37 + y * 91) % 17) as f32 / 17.0; 3]); 3];
        let fills = vec![Image::from_fn(32, 32, |x, y| [x as f32 / 32.0, y as f32 / 32.0, 0.2]); 3];
        for images in [flat, texture, fills] {
            assert!(estimate(&images).iter().all(Option::is_none));
        }
    }

    #[test]
    fn otsu_splits_two_groups() {
        let mut histogram = [0; 256];
        (histogram[20], histogram[30], histogram[200]) = (50, 50, 60);
        let (threshold, separability) = otsu(&histogram);
        assert!((31..=200).contains(&threshold) && separability > 0.95);
        assert_eq!(otsu(&[0; 256]).0, 0);
    }
}
