//! The label: the pixels that changed.

use anoseg_image::{Image, Mask, Plane};

use crate::connected::fill_small_holes;
use crate::filter::box_blur;
use crate::window::Window;

/// The pixels within `support` whose mean absolute change over 3 x 3 pixels and three channels is
/// above `threshold`. Gaps of up to four pixels and small holes are closed, as an annotator would
/// do.
///
/// The images and `support` have one size.
pub(crate) fn changed(before: &Image, after: &Image, support: &Mask, threshold: f32) -> Mask {
    let (width, height) = (support.width(), support.height());
    let mut change = vec![0.0; width * height];
    for channel in 0..3 {
        let pairs = before.plane(channel).iter().zip(after.plane(channel));
        for (sum, (before, after)) in change.iter_mut().zip(pairs) {
            *sum += (after - before).abs() / 3.0;
        }
    }
    box_blur(&mut change, width, height, 1);
    // Running sums leave rounding errors where nothing changed.
    let threshold = threshold.max(1e-4);
    let core: Vec<f32> = change
        .iter()
        .zip(support.as_slice())
        .map(|(&change, &inside)| if inside && change > threshold { 1.0 } else { 0.0 })
        .collect();
    if !core.contains(&1.0) {
        return Mask::filled(width, height, false);
    }
    let closed = close(core, width, height);
    let within = closed.iter().zip(support.as_slice()).map(|(&closed, &inside)| closed && inside).collect();
    let mut label = Plane::from_vec(width, height, within);
    // A solid shape gets a solid label, even where its pixels happen to equal those of the image.
    let largest = (label.count() / 20).max(8);
    fill_small_holes(&mut label, largest);
    for (label, &inside) in label.as_mut_slice().iter_mut().zip(support.as_slice()) {
        *label &= inside;
    }
    label
}

/// Closing (dilation, then erosion) with a square of 5 x 5 pixels.
fn close(core: Vec<f32>, width: usize, height: usize) -> Vec<bool> {
    const RADIUS: usize = 2;
    // A mean above zero is a dilation, a mean of one an erosion; half a pixel's share separates
    // them safely.
    let half = 0.5 / ((2 * RADIUS + 1) * (2 * RADIUS + 1)) as f32;
    let mut data = core;
    box_blur(&mut data, width, height, RADIUS);
    for value in &mut data {
        *value = if *value > half { 1.0 } else { 0.0 };
    }
    box_blur(&mut data, width, height, RADIUS);
    data.iter().map(|&mean| mean > 1.0 - half).collect()
}

/// The label of a whole pair. Only the windows in which something was drawn are compared.
pub(crate) fn of_pair(
    base: &Image,
    image: &Image,
    support: &Mask,
    windows: &[Window],
    threshold: f32,
) -> Mask {
    let (width, height) = (image.width(), image.height());
    let mut label = Mask::filled(width, height, false);
    for window in windows {
        // One pixel more, so that the mean at the edge of a window includes its neighbours.
        let window = window.grown(1, width, height);
        let part =
            Plane::from_fn(window.width, window.height, |x, y| support.get(window.x + x, window.y + y));
        let found = changed(&window.cut(base), &window.cut(image), &part, threshold);
        for y in 0..window.height {
            for x in 0..window.width {
                if found.get(x, y) {
                    label.set(window.x + x, window.y + y, true);
                }
            }
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(width: usize, height: usize) -> Mask {
        Mask::filled(width, height, true)
    }

    #[test]
    fn only_change_above_the_threshold_counts() {
        let before = Image::filled(20, 20, [0.5; 3]);
        let mut after = before.clone();
        for y in 5..12 {
            for x in 5..12 {
                after.set(x, y, [0.52; 3]);
            }
        }
        assert!(!changed(&before, &after, &full(20, 20), 0.03).any());
        let label = changed(&before, &after, &full(20, 20), 0.01);
        assert!(label.get(8, 8) && label.get(5, 8) && !label.get(4, 8));
    }

    #[test]
    fn a_small_gap_is_closed_but_never_outside_the_support() {
        let before = Image::filled(20, 20, [0.5; 3]);
        let mut after = before.clone();
        let mut support = Mask::filled(20, 20, false);
        for y in 4..14 {
            for x in 4..14 {
                support.set(x, y, true);
                if !(7..11).contains(&x) {
                    after.set(x, y, [0.9; 3]);
                }
            }
        }
        let label = changed(&before, &after, &support, 0.2);
        assert!(label.get(8, 8) && label.get(9, 8));
        assert!(label.as_slice().iter().zip(support.as_slice()).all(|(&l, &s)| s || !l));
    }
}
