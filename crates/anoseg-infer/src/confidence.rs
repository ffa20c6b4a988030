//! What a number of good images promises with confidence, beside what it promises on average.

/// How sure [`sure_rate`] and [`images_to_be_sure`] are.
const CONFIDENCE: f64 = 0.95;

/// The share of good images above a threshold that is not exceeded with 95 % confidence, where the threshold is one of
/// the scores of `n` good images, above which `above` of them lie. The images must be drawn as those to come are.
/// (Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", 1934.)
///
/// ```
/// // The highest of 299 scores as the threshold: at most 1 % of good images lie above it.
/// assert!((anoseg_infer::sure_rate(0, 299) - 0.01).abs() < 1e-4);
/// ```
pub fn sure_rate(above: usize, n: usize) -> f64 {
    if above >= n {
        return 1.0;
    }
    // The rate at which so few images above would be as rare as one in twenty.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let rate = f64::midpoint(low, high);
        if at_most(above, n, rate) > 1.0 - CONFIDENCE { low = rate } else { high = rate }
    }
    high
}

/// Good images whose highest score, as the threshold, promises with 95 % confidence that a share of good images of at
/// most `rate`, above 0 and below 1, is rejected.
///
/// ```
/// let needed = [0.1, 0.05, 0.02, 0.01, 0.005].map(anoseg_infer::images_to_be_sure);
/// assert_eq!(needed, [29, 59, 149, 299, 598]);
/// ```
pub fn images_to_be_sure(rate: f64) -> usize {
    ((1.0 - CONFIDENCE).ln() / (-rate).ln_1p()).ceil() as usize
}

/// The probability that at most `most` of `n` images are of a kind that comes with this rate, between 0 and 1.
fn at_most(most: usize, n: usize, rate: f64) -> f64 {
    let (with, without) = (rate.ln(), (-rate).ln_1p());
    // Logarithms, because the first terms vanish where many images are of the kind.
    let mut choices = 0.0;
    let mut sum = 0.0;
    for count in 0..=most {
        sum += (choices + count as f64 * with + (n - count) as f64 * without).exp();
        choices += ((n - count) as f64 / (count + 1) as f64).ln();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From SciPy: `beta.ppf(0.95, above + 1, n - above)`.
    #[test]
    fn rates_are_those_of_the_exact_interval() {
        for (above, n, expected) in [
            (0, 7, 0.348_164),
            (0, 31, 0.092_114),
            (1, 102, 0.045_664),
            (5, 100, 0.102_253),
            (1000, 100_000, 0.010_533),
        ] {
            let found = sure_rate(above, n);
            assert!((found - expected).abs() < 1e-5, "{above} of {n}: {found}");
        }
        assert_eq!(sure_rate(3, 3), 1.0);
    }

    #[test]
    fn as_many_images_as_are_needed_suffice_and_one_less_does_not() {
        for rate in [0.3, 0.05, 0.01, 0.001] {
            let n = images_to_be_sure(rate);
            assert!(sure_rate(0, n) <= rate && sure_rate(0, n - 1) > rate, "{rate}: {n}");
        }
    }
}
