//! The rank-sum test of Wilcoxon, Mann and Whitney, with exact probabilities.
//!
//! Of `m` reference values and `w` others, U counts the pairs in which the other is greater. If all come
//! from one distribution, in whatever order, each arrangement is equally likely, so that the distribution of
//! U depends on `m` and `w` alone (Mann and Whitney, 1947). Its generating function is the Gaussian binomial
//! coefficient, which is multiplied out here; no normal approximation is needed for seven values either.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Of the smaller and the larger number of values, and the bits of the level.
type Key = (usize, usize, u64);

/// What was computed before, by the smaller and the larger number of values and the level: a server watches several models, with windows of the same sizes.
static KNOWN: Mutex<Option<HashMap<Key, Option<u64>>>> = Mutex::new(None);

/// How far from its least value U may lie so that the probability of such a value, or a lower one, is at most
/// `level`; None where even the least value is likelier. The same distance from the greatest value
/// `m * w` serves the other side, by symmetry.
pub(super) fn critical(m: usize, w: usize, level: f64) -> Option<u64> {
    let (few, many) = (m.min(w), m.max(w));
    if few == 0 {
        return None;
    }
    let key = (few, many, level.to_bits());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known().get_or_insert_default().get(&key).copied();
    found.unwrap_or_else(|| {
        let computed = computed(few, many, level);
        known().get_or_insert_default().insert(key, computed);
        computed
    })
}

fn computed(few: usize, many: usize, level: f64) -> Option<u64> {
    let mut sum = 0.0;
    let mut last = None;
    for (u, p) in (0..).zip(lower_half(few, many)) {
        sum += p;
        if sum > level {
            break;
        }
        last = Some(u);
    }
    last
}

/// Probabilities of U = 0 up to half of `few * many`.
fn lower_half(few: usize, many: usize) -> Vec<f64> {
    let top = few * many / 2;
    let mut p = vec![0.0; top + 1];
    p[0] = 1.0;
    for i in 1..=few {
        // Times (1 - q^(many + i)) / (1 - q^i), as probabilities.
        for u in (many + i..=top).rev() {
            p[u] -= p[u - many - i];
        }
        for u in i..=top {
            p[u] += p[u - i];
        }
        let scale = i as f64 / (many + i) as f64;
        // The upper half is that of the lower one: its differences would lose their digits.
        let greatest = i * many;
        for u in 0..=top {
            p[u] = match greatest.checked_sub(u) {
                None => 0.0,
                Some(mirrored) if mirrored < u => p[mirrored],
                Some(_) => p[u] * scale,
            };
        }
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts U of all arrangements.
    fn enumerated(m: usize, w: usize) -> Vec<f64> {
        let mut counts = vec![0.0; m * w + 1];
        for set in 0_u32..1 << (m + w) {
            if set.count_ones() as usize == w {
                // The bits are the others, in ascending order of all values.
                let (mut references, mut u) = (0, 0);
                for place in 0..m + w {
                    if set >> place & 1 == 1 { u += references } else { references += 1 }
                }
                counts[u] += 1.0;
            }
        }
        let all: f64 = counts.iter().sum();
        counts.into_iter().map(|count| count / all).collect()
    }

    #[test]
    fn small_cases_are_those_of_all_arrangements() {
        for (m, w) in [(1, 1), (1, 6), (3, 4), (5, 5), (7, 8), (9, 4)] {
            let expected = enumerated(m, w);
            for (u, p) in lower_half(m.min(w), m.max(w)).into_iter().enumerate() {
                assert!((p - expected[u]).abs() < 1e-14, "{m} {w} {u}: {p} {}", expected[u]);
            }
        }
    }

    /// Of many values the distribution is normal: 3.09 deviations below the mean at 0.001.
    #[test]
    fn many_values_come_near_to_the_normal_distribution() {
        for (m, w) in [(200, 256), (1000, 256), (256, 1024)] {
            let (mean, n) = ((m * w) as f64 / 2.0, (m + w + 1) as f64);
            let deviation = ((m * w) as f64 * n / 12.0).sqrt();
            let found = critical(m, w, 0.001).unwrap() as f64;
            let z = (mean - found) / deviation;
            assert!((z - 3.09).abs() < 0.02, "{m} {w}: {z}");
        }
    }

    #[test]
    fn few_values_cannot_reach_every_level() {
        // All 3 above all 4 has probability 1 / 35.
        assert_eq!(critical(3, 4, 0.028), None);
        assert_eq!(critical(3, 4, 0.029), Some(0));
        assert_eq!(critical(0, 4, 0.5), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_halves_hold_half_of_the_probability(few in 1..40_usize, more in 0..200_usize) {
            let many = few + more;
            let half = lower_half(few, many);
            let middle = if (few * many).is_multiple_of(2) { half[few * many / 2] / 2.0 } else { 0.0 };
            prop_assert!((half.iter().sum::<f64>() - middle - 0.5).abs() < 1e-9);
            prop_assert!(half.iter().all(|&p| (0.0..=1.0).contains(&p)));
        }
    }
}
