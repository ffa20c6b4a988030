//! The colour map of anomaly values.

/// Control points: value and its sRGB colour.
///
/// From near black through violet, red and orange to pale yellow, with lightness rising evenly (CIE
/// L* about 95 times the value). Order is therefore carried by lightness alone: it survives colour
/// blindness and a black-and-white print.
const CONTROL_POINTS: [(f32, [f32; 3]); 7] = [
    (0.0, [0.01, 0.01, 0.05]),
    (0.2, [0.27, 0.07, 0.43]),
    (0.4, [0.60, 0.17, 0.46]),
    (0.6, [0.87, 0.35, 0.31]),
    (0.75, [0.97, 0.57, 0.19]),
    (0.9, [0.98, 0.80, 0.33]),
    (1.0, [0.99, 0.97, 0.74]),
];

/// The sRGB colour (0..=1 each) of an anomaly value: 0 = normal (dark), 1 = most anomalous (light).
///
/// Values outside 0..=1 take the colour of the nearer end, NaN that of 0.
pub fn colour_map(v: f32) -> [f32; 3] {
    let v = if v.is_nan() { 0.0 } else { v.clamp(0.0, 1.0) };
    let upper =
        CONTROL_POINTS.iter().position(|point| v <= point.0).unwrap_or(CONTROL_POINTS.len() - 1).max(1);
    let (low, low_colour) = CONTROL_POINTS[upper - 1];
    let (high, high_colour) = CONTROL_POINTS[upper];
    let part = (v - low) / (high - low);
    [0, 1, 2].map(|c| low_colour[c] + part * (high_colour[c] - low_colour[c]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE L* (0..=100) of an sRGB colour, from the definition in CIE 15.
    fn lightness(rgb: [f32; 3]) -> f32 {
        let linear = rgb.map(|v| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) });
        let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        if luminance > 0.008856 { 116.0 * luminance.cbrt() - 16.0 } else { 903.3 * luminance }
    }

    #[test]
    fn lightness_rises_evenly() {
        for step in 0..100 {
            let (a, b) = (step as f32 / 100.0, (step + 1) as f32 / 100.0);
            let rise = lightness(colour_map(b)) - lightness(colour_map(a));
            assert!((0.4..1.7).contains(&rise), "lightness rises by {rise} from {a} to {b}");
        }
    }

    #[test]
    fn values_outside_the_range_take_the_ends() {
        assert_eq!(colour_map(-3.0), colour_map(0.0));
        assert_eq!(colour_map(f32::NAN), colour_map(0.0));
        assert_eq!(colour_map(f32::INFINITY), colour_map(1.0));
        assert_eq!(colour_map(1.0), [0.99, 0.97, 0.74]);
    }

    #[test]
    fn every_colour_is_in_range() {
        for step in 0..=1000 {
            assert!(colour_map(step as f32 / 1000.0).iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}
