//! The mask of a defect, from the images with and without it.

use anoseg_image::{Image, Mask};

/// The smallest change that is marked, as a share of full scale: about the limit of visibility on a
/// screen.
const VISIBLE: f32 = 6.0 / 255.0;

/// The pixels where the two images, alike but for the defect, differ visibly: the mean over 3 x 3
/// pixels of the largest change on any channel is above 6 grey levels. Gaps a pixel or two wide are
/// closed, specks dropped.
pub(super) fn visible_change(without: &Image, with: &Image) -> Mask {
    let (width, height) = (with.width(), with.height());
    let change: Vec<f32> = (0..width * height)
        .map(|i| (0..3).map(|c| (with.plane(c)[i] - without.plane(c)[i]).abs()).fold(0.0, f32::max))
        .collect();
    let changed = Mask::from_fn(width, height, |x, y| {
        let around = neighbourhood(x, y, width, height, 1);
        let count = around.clone().count() as f32;
        around.map(|i| change[i]).sum::<f32>() > VISIBLE * count
    });
    let speck = (width * height / 8192).max(1);
    let mut mask = closed(&changed);
    drop_small_regions(&mut mask, false, 2 * speck);
    drop_small_regions(&mut mask, true, speck);
    mask
}

/// Morphological closing with a 3 x 3 square: dilation, then erosion.
fn closed(mask: &Mask) -> Mask {
    let (width, height) = (mask.width(), mask.height());
    let dilated = Mask::from_fn(width, height, |x, y| {
        neighbourhood(x, y, width, height, 1).any(|i| mask.as_slice()[i])
    });
    Mask::from_fn(width, height, |x, y| neighbourhood(x, y, width, height, 1).all(|i| dilated.as_slice()[i]))
}

/// Indices of the pixels at most `radius` away from (x, y) in each axis.
fn neighbourhood(
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    radius: usize,
) -> impl Iterator<Item = usize> + Clone {
    let columns = x.saturating_sub(radius)..(x + radius + 1).min(width);
    let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
}

/// Flips 4-connected regions of `value` with fewer than `least` pixels; the largest region of
/// `true` always stays.
fn drop_small_regions(mask: &mut Mask, value: bool, least: usize) {
    let (width, height) = (mask.width(), mask.height());
    let mut seen = vec![false; width * height];
    let mut regions: Vec<Vec<usize>> = Vec::new();
    for start in 0..width * height {
        if seen[start] || mask.as_slice()[start] != value {
            continue;
        }
        seen[start] = true;
        let mut region = vec![start];
        let mut next = 0;
        while next < region.len() {
            let (x, y) = (region[next] % width, region[next] / width);
            next += 1;
            for i in neighbourhood(x, y, width, height, 1) {
                let beside = i % width == x || i / width == y;
                if beside && !seen[i] && mask.as_slice()[i] == value {
                    seen[i] = true;
                    region.push(i);
                }
            }
        }
        regions.push(region);
    }
    let largest = regions.iter().map(Vec::len).max().unwrap_or(0);
    let keep_at_least = if value { least.min(largest) } else { least };
    for region in regions.iter().filter(|region| region.len() < keep_at_least) {
        region.iter().for_each(|&i| mask.as_mut_slice()[i] = !value);
    }
}
