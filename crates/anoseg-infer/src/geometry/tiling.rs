//! Where windows lie along one side of a plane, and the share of each in the map.

/// How windows lie along one side of a plane.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    /// Length of a window.
    pub(super) side: usize,
    /// Pixels that neighbours have in common at least.
    pub(super) overlap: usize,
    /// Windows begin at multiples of this.
    pub(super) step: usize,
}

/// Where windows of `side` begin along a line of `len` pixels: evenly spread at multiples of `step`, and
/// at least `overlap` pixels in common with the next. If the line is no multiple of `step`, the last one
/// reaches beyond it. One that is longer than the line is centred.
pub(super) fn starts(len: usize, Tiling { side, overlap, step }: Tiling) -> Vec<isize> {
    if len <= side {
        return vec![-(((side - len) / 2) as isize)];
    }
    let (all, most) = ((len - side).div_ceil(step), ((side - overlap) / step).max(1));
    let gaps = all.div_ceil(most);
    (0..=gaps).map(|i| (i * all / gaps * step) as isize).collect()
}

/// The shares of a window's pixels in the map, along one side.
pub(super) struct Shares {
    /// The plane's pixel of the first share.
    pub(super) start: usize,
    /// The window's pixel of the first share.
    pub(super) first: usize,
    /// They add up to 1 over the windows.
    pub(super) shares: Vec<f32>,
}

/// The shares of all windows along a line of `len` pixels.
pub(super) fn shares(len: usize, tiling: Tiling) -> Vec<Shares> {
    let (starts, side) = (starts(len, tiling), tiling.side);
    let common = |pair: &[isize]| (pair[0] + side as isize - pair[1]) as f32;
    let mut totals = vec![0.0f32; len];
    let mut found: Vec<Shares> = Vec::with_capacity(starts.len());
    for (number, &start) in starts.iter().enumerate() {
        let first = start.min(0).unsigned_abs();
        let begin = start.max(0) as usize;
        let count = (side - first).min(len - begin);
        let before = (number > 0).then(|| common(&starts[number - 1..=number]));
        let after = starts.get(number..=number + 1).map(common);
        let share = |i: usize| {
            let from_begin = before.map_or(1.0, |common| passed(i as f32 + 0.5, common));
            from_begin.min(after.map_or(1.0, |common| passed((side - i) as f32 - 0.5, common)))
        };
        let shares: Vec<f32> = (0..count).map(share).collect();
        totals[begin..begin + count].iter_mut().zip(&shares).for_each(|(total, share)| *total += share);
        found.push(Shares { start: begin, first, shares });
    }
    for Shares { start, shares, .. } in &mut found {
        let totals = &totals[*start..*start + shares.len()];
        shares.iter_mut().zip(totals).for_each(|(share, total)| *share /= total);
    }
    found
}

/// The share of a window at a distance from its border, of which the neighbour has `common` pixels too.
/// A quarter of these has none, and the next half passes over linearly.
fn passed(distance: f32, common: f32) -> f32 {
    ((distance - common / 4.0) / (common / 2.0).max(1.0)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_cover_every_pixel_and_stay_inside(len in 1usize..3000, side in 1usize..40, share in 0usize..=50) {
            let side = 16 * side;
            let overlap = side * share / 100;
            let step = 1 << side.trailing_zeros().min(5);
            let tiling = Tiling { side, overlap, step };
            let starts = starts(len, tiling);
            if len > side {
                let beyond = starts[starts.len() - 1] - (len - side) as isize;
                prop_assert!(starts[0] == 0 && (0..step as isize).contains(&beyond));
                for pair in starts.windows(2) {
                    let most = (side - overlap).max(step) as isize;
                    prop_assert!(pair[1] > pair[0] && pair[1] - pair[0] <= most);
                    prop_assert_eq!(pair[1] % step as isize, 0);
                }
            } else {
                prop_assert_eq!(starts.len(), 1);
                prop_assert!(starts[0] <= 0 && starts[0] + side as isize >= len as isize);
            }
            let mut totals = vec![0.0; len];
            for Shares { start, shares, .. } in shares(len, tiling) {
                totals[start..start + shares.len()].iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share);
            }
            prop_assert!(totals.iter().all(|total: &f32| (total - 1.0).abs() < 1e-5));
        }
    }
}
