//! What images are compared with.

use anoseg_infer::Decision;
use serde::{Deserialize, Serialize};

use super::BASELINE;
use crate::ScoreRow;

/// Most calibration scores that are compared; of more, so many are drawn at random. More would tell hardly smaller
/// changes, and the exact test takes a time that is proportional to them.
const MOST_REFERENCE: usize = 2000;

/// The first images of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Baseline {
    pub(super) scores: Vec<f32>,
    pub(super) rejects: usize,
    pub(super) reviews: usize,
    pub(super) brightness: Vec<f64>,
    pub(super) sharpness: Vec<f64>,
}

impl Baseline {
    pub(super) fn is_whole(&self) -> bool {
        self.brightness.len() >= BASELINE && self.sharpness.len() == self.brightness.len()
    }

    pub(super) fn add(&mut self, row: &ScoreRow, image_threshold: f32) {
        self.scores.extend((row.score < image_threshold).then_some(row.score));
        self.rejects += usize::from(row.decision == Decision::Reject);
        self.reviews += usize::from(row.decision != Decision::Good);
        self.brightness.push(row.brightness);
        self.sharpness.push(row.sharpness);
    }
}

/// So many of the values as are compared, drawn at random with a fixed seed: what is drawn does not depend on the
/// values, so that it is still exchangeable.
pub(super) fn drawn(mut values: Vec<f64>) -> Vec<f64> {
    let most = values.len().min(MOST_REFERENCE);
    if values.len() == most {
        return values;
    }
    let mut state = 0_u64;
    for place in 0..most {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let left = (values.len() - place) as u64;
        values.swap(place, place + ((bits ^ (bits >> 31)) % left) as usize);
    }
    values.truncate(most);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_values_are_drawn_does_not_depend_on_them() {
        let few: Vec<f64> = (0..MOST_REFERENCE).map(|i| i as f64).collect();
        assert_eq!(drawn(few.clone()), few);
        let many: Vec<f64> = (0..3 * MOST_REFERENCE).map(|i| i as f64).collect();
        let mut places = drawn(many.clone());
        let negated = drawn(many.iter().map(|value| -value).collect());
        assert!(places.iter().zip(&negated).all(|(a, b)| *a == -b));
        // Each once, and from all parts.
        places.sort_unstable_by(f64::total_cmp);
        places.dedup();
        assert_eq!(places.len(), MOST_REFERENCE);
        let mean = places.iter().sum::<f64>() / MOST_REFERENCE as f64;
        assert!((mean / MOST_REFERENCE as f64 - 1.5).abs() < 0.1, "{mean}");
    }
}
