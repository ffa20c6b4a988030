//! Probabilities of how many of the next images exceed a threshold.

/// The least count among `w` further images that has a probability of at most `level` to be reached, where
/// `above` of `m` reference values exceed the threshold; None if there is none.
///
/// Of a threshold that has `above` of `m` exchangeable values above it, and is one of them or above the rest,
/// the share that exceeds it has the distribution Beta(above + 1, m - above) or lies below it, whatever the
/// distribution of the values: an order statistic. The count then is beta-binomial. On top come as many images
/// of a share `defects` that exceed it anyway (binomial).
pub(super) fn critical_count(m: usize, above: usize, w: usize, defects: f64, level: f64) -> Option<usize> {
    if above >= m {
        return None;
    }
    let good = beta_binomial(w, (above + 1) as f64, (m - above) as f64);
    let bad = binomial(w, defects);
    let mut sums = vec![0.0; w + 1];
    for (i, p) in good.iter().enumerate() {
        for (j, q) in bad.iter().enumerate().take_while(|(_, q)| **q > 0.0) {
            sums[(i + j).min(w)] += p * q;
        }
    }
    let (mut tail, mut least) = (0.0, None);
    for count in (1..=w).rev() {
        tail += sums[count];
        if tail > level {
            break;
        }
        least = Some(count);
    }
    least
}

/// Probabilities of 0 to `w`.
fn beta_binomial(w: usize, a: f64, b: f64) -> Vec<f64> {
    let mut p: f64 = (0..w).map(|j| ((b + j as f64) / (a + b + j as f64)).ln()).sum::<f64>().exp();
    let mut all = vec![p];
    for x in 0..w {
        let left = (w - x) as f64;
        p *= left / (x + 1) as f64 * (a + x as f64) / (b + left - 1.0);
        all.push(p);
    }
    all
}

/// Probabilities of 0 to `w`.
fn binomial(w: usize, share: f64) -> Vec<f64> {
    let mut p = (1.0 - share).powi(w as i32);
    let mut all = vec![p];
    for x in 0..w {
        p *= (w - x) as f64 / (x + 1) as f64 * share / (1.0 - share);
        all.push(p);
    }
    all
}

/// The probability that at least `x` of `w` images are among the marked ones, where `before` of `m` others
/// are, and all have the same chance (Fisher's exact test, one-sided).
pub(super) fn fisher(m: usize, before: usize, w: usize, x: usize) -> f64 {
    let marked = before + x;
    let logs = ln_factorials(m + w);
    let choose = |n: usize, k: usize| logs[n] - logs[k] - logs[n - k];
    let all = choose(m + w, marked);
    // As many of the marked ones as fit among the w, and as few as leave no more than m.
    let tail = (x..=w.min(marked)).filter(|&x| marked - x <= m);
    tail.map(|x| (choose(w, x) + choose(m, marked - x) - all).exp()).sum::<f64>().min(1.0)
}

fn ln_factorials(most: usize) -> Vec<f64> {
    let mut logs = vec![0.0; most + 1];
    for n in 1..=most {
        logs[n] = logs[n - 1] + (n as f64).ln();
    }
    logs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn probabilities_sum_to_one(w in 1..300_usize, a in 1..50_u32, b in 1..300_u32, share in 0.0..0.5_f64) {
            let good = beta_binomial(w, f64::from(a), f64::from(b));
            prop_assert!((good.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!((binomial(w, share).iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }

        #[test]
        fn fisher_is_monotone(m in 1..300_usize, before in 0..50_usize, w in 1..100_usize) {
            let before = before.min(m);
            let p: Vec<f64> = (0..=w).map(|x| fisher(m, before, w, x)).collect();
            prop_assert!((p[0] - 1.0).abs() < 1e-9);
            prop_assert!(p.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
        }
    }

    #[test]
    fn known_values() {
        // A lady tasting tea: 4 of 4 right has 1 / 70.
        assert!((fisher(4, 0, 4, 4) - 1.0 / 70.0).abs() < 1e-12);
        // One value above none: the next exceeds the highest of m with probability 1 / (m + 1).
        assert!((beta_binomial(1, 1.0, 9.0)[1] - 0.1).abs() < 1e-12);
        assert_eq!(critical_count(9, 0, 1, 0.0, 0.1 + 1e-9), Some(1));
        assert_eq!(critical_count(9, 0, 1, 0.0, 0.09), None);
        assert_eq!(critical_count(5, 5, 10, 0.0, 0.5), None);
        let (without, with) =
            (critical_count(200, 1, 256, 0.0, 1e-4), critical_count(200, 1, 256, 0.02, 1e-4));
        assert!(without < with, "{without:?} {with:?}");
    }
}
