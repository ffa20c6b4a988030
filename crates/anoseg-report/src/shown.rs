//! Scores and thresholds with as many digits as it takes to compare them.

use crate::format::{plain_score, typeset};
use crate::model::{ReportImage, Thresholds};

/// Significant figures that are always shown, and with which every f64 is told from its neighbours.
const FIGURES: std::ops::RangeInclusive<usize> = 3..=18;

/// Texts of the scores and thresholds of a report. As numbers, the texts are in the same order as what
/// they show, so that a score is above a threshold exactly where its text is.
pub(crate) struct ShownScores {
    /// Ascending, each once.
    values: Vec<f64>,
    texts: Vec<String>,
}

impl ShownScores {
    /// The texts for these images and their thresholds.
    pub(crate) fn of(images: &[ReportImage], thresholds: &Thresholds) -> Self {
        let limits = [thresholds.image, thresholds.review];
        Self::of_values(images.iter().map(|image| image.score).chain(limits).map(f64::from))
    }

    /// The texts for these values; those that are no numbers are left out.
    pub(crate) fn of_values(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        // Equality, not the order's, so that 0 and -0 are one value.
        values.dedup();
        let text = |(i, &value): (usize, &f64)| {
            // Each text stays on its side of the middle between neighbours.
            let middle = |other: Option<&f64>| other.map(|other| value + (other - value) / 2.0);
            let low = middle(i.checked_sub(1).and_then(|i| values.get(i))).unwrap_or(f64::NEG_INFINITY);
            let high = middle(values.get(i + 1)).unwrap_or(f64::INFINITY);
            shortest(value, |number| low < number && number < high)
        };
        let texts = values.iter().enumerate().map(text).collect();
        Self { values, texts }
    }

    /// The text of a score or threshold; with three significant figures if it is none of these values.
    pub(crate) fn text(&self, value: f32) -> String {
        let value = f64::from(value);
        match self.place(value) {
            Ok(place) => typeset(&self.texts[place]),
            Err(_) => crate::format::score(value),
        }
    }

    /// The text of a threshold that may lie between two of the values.
    pub(crate) fn text_between(&self, threshold: f64) -> String {
        let place = match self.place(threshold) {
            Ok(place) => return typeset(&self.texts[place]),
            Err(place) => place,
        };
        let shown = |place: Option<usize>| place.and_then(|i| self.texts.get(i)?.parse::<f64>().ok());
        let low = shown(place.checked_sub(1)).unwrap_or(f64::NEG_INFINITY);
        let high = shown(Some(place)).unwrap_or(f64::INFINITY);
        typeset(&shortest(threshold, |number| low < number && number < high))
    }

    /// Where the value is, or where it would be.
    fn place(&self, value: f64) -> Result<usize, usize> {
        let place = self.values.partition_point(|known| *known < value);
        if self.values.get(place) == Some(&value) { Ok(place) } else { Err(place) }
    }
}

/// The value with the fewest figures that `fits` accepts.
fn shortest(value: f64, fits: impl Fn(f64) -> bool) -> String {
    let texts = FIGURES.map(|figures| plain_score(value, figures));
    let fitting = texts.into_iter().find(|text| text.parse().is_ok_and(&fits));
    fitting.unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// "Review above 0.99999" stood beside a good image of score 0.9999926.
    #[test]
    fn scores_near_one_compare_with_the_threshold() {
        let values = [0.999_992_6_f32, 0.999_994_3, 0.999_994_4];
        let shown = ShownScores::of_values(values.map(f64::from));
        assert_eq!(values.map(|value| shown.text(value)), ["0.9999926", "0.9999943", "0.9999944"]);
        let apart = ShownScores::of_values([0.25, 0.6, 0.812_345].map(f64::from));
        assert_eq!(apart.text(0.6), "0.600");
        assert_eq!(apart.text_between(0.7), "0.700");
        assert_eq!(apart.text(f32::NAN), "–");
    }

    proptest! {
        #[test]
        fn texts_are_in_the_order_of_their_values(
            near_one in prop::collection::vec(0..40_u32, 0..12), any in prop::collection::vec(-2.0..2.0_f32, 0..12),
            small in prop::collection::vec(0.0..1e-6_f32, 0..4),
        ) {
            let near_one = near_one.into_iter().map(|steps| f32::from_bits(1.0_f32.to_bits() - steps));
            let all = near_one.chain(any).chain(small).map(f64::from);
            let shown = ShownScores::of_values(all);
            let numbers: Vec<f64> = shown.texts.iter().map(|text| text.parse().unwrap()).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", shown.texts);
        }
    }
}
