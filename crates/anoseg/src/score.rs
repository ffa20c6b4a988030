//! From an anomaly map to one score for the picture.

use anoseg_image::AnomalyMap;

/// At 256 x 256 pixels: standard deviation of the smoothing, in pixels.
const SIGMA: f32 = 2.0;

/// At 256 x 256 pixels: how many of the most anomalous pixels count.
const TOP_PIXELS: f32 = 100.0;

/// Mean of the most anomalous pixels of the smoothed map, 0..=1 for a map in 0..=1.
///
/// Smoothing and number of pixels grow with the map's side, so that the same defect gives the same score at
/// another network size.
pub fn image_score(map: &AnomalyMap) -> f32 {
    let area = (map.width() * map.height()) as f32 / (256.0 * 256.0);
    let mut values = gaussian_blur(map, SIGMA * area.sqrt()).into_vec();
    let count = ((TOP_PIXELS * area).round() as usize).clamp(1, values.len().max(1));
    if values.is_empty() {
        return 0.0;
    }
    let (top, _, _) = values.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
    let mut top = top.to_vec();
    top.push(values[count - 1]);
    // Summed in order of size, so that the sum does not depend on how the selection arranged them.
    top.sort_unstable_by(|a, b| b.total_cmp(a));
    top.iter().sum::<f32>() / count as f32
}

/// Separable Gaussian of standard deviation `sigma` pixels; the border's values continue outwards.
pub(crate) fn gaussian_blur(map: &AnomalyMap, sigma: f32) -> AnomalyMap {
    let kernel = gaussian_kernel(sigma);
    let radius = kernel.len() / 2;
    let (width, height) = (map.width(), map.height());
    let mut horizontal = AnomalyMap::filled(width, height, 0.0);
    let mut line = vec![0.0; width + 2 * radius];
    for (y, target) in horizontal.as_mut_slice().chunks_exact_mut(width.max(1)).enumerate() {
        let row = map.row(y);
        line[..radius].fill(row[0]);
        line[radius..radius + width].copy_from_slice(row);
        line[radius + width..].fill(row[width - 1]);
        weigh(&kernel, |k| &line[k..k + width], target);
    }
    let mut blurred = AnomalyMap::filled(width, height, 0.0);
    for (y, target) in blurred.as_mut_slice().chunks_exact_mut(width.max(1)).enumerate() {
        let row = |k: usize| horizontal.row((y + k).saturating_sub(radius).min(height - 1));
        weigh(&kernel, row, target);
    }
    blurred
}

/// Adds `kernel[k] * row(k)` to `target` for every k: whole rows at a time, which the compiler turns into vectors.
fn weigh<'a>(kernel: &[f32], row: impl Fn(usize) -> &'a [f32], target: &mut [f32]) {
    for (k, weight) in kernel.iter().enumerate() {
        target.iter_mut().zip(row(k)).for_each(|(sum, value)| *sum += weight * value);
    }
}

fn gaussian_kernel(sigma: f32) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil().max(0.0) as i32;
    let weight = |i: i32| if sigma > 0.0 { (-0.5 * (i as f32 / sigma).powi(2)).exp() } else { 1.0 };
    let weights: Vec<f32> = (-radius..=radius).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_map_scores_its_value() {
        assert!((image_score(&AnomalyMap::filled(256, 256, 0.25)) - 0.25).abs() < 1e-5);
        assert!((image_score(&AnomalyMap::filled(3, 1, 0.5)) - 0.5).abs() < 1e-5);
    }

    #[test]
    fn a_larger_or_stronger_defect_scores_higher() {
        let defect = |side: usize, value: f32| {
            image_score(&AnomalyMap::from_fn(256, 256, |x, y| if x < side && y < side { value } else { 0.0 }))
        };
        assert!(defect(20, 1.0) > defect(6, 1.0));
        assert!(defect(20, 1.0) > defect(20, 0.5));
        assert!(defect(20, 1.0) <= 1.0 + 1e-6);
    }

    #[test]
    fn blurring_keeps_the_sum_away_from_the_border() {
        let mut map = AnomalyMap::filled(41, 41, 0.0);
        map.set(20, 20, 1.0);
        let blurred = gaussian_blur(&map, 2.0);
        assert!((blurred.as_slice().iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!((blurred.get(20, 20) - 0.0398).abs() < 1e-3);
    }
}
