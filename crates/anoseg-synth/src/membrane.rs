//! Membrane interpolation: fills unknown pixels so that each is the mean of its neighbours
//! (Laplace's equation with the known pixels as boundary values). Poisson blending uses it (Pérez
//! et al. 2003, equation 4); alone it fills a hole from its surroundings.

/// The values of one pixel; the fourth lane only fills a vector register.
pub(crate) type Cell = [f32; 4];

/// Fills `values` where `unknown`, row by row; does nothing if every pixel is unknown. The border
/// of the rectangle has a zero gradient.
///
/// It works from coarse to fine: a grid of half the size initialises each grid, so that a few
/// sweeps are enough.
pub(crate) fn fill(values: &mut [Cell], unknown: &[bool], width: usize, height: usize) {
    let holes: Vec<usize> = (0..unknown.len()).filter(|&i| unknown[i]).collect();
    if holes.is_empty() || holes.len() == unknown.len() {
        return;
    }
    let coarse = Coarse::of(values, unknown, width, height);
    let Coarse { values: mut parents, unknown: open, width: columns, height: rows } = coarse;
    fill(&mut parents, &open, columns, rows);
    for &i in &holes {
        values[i] = parents[(i / width / 2) * columns + i % width / 2];
    }
    // Sweeps of small grids are cheap; a large grid starts close to the solution.
    let sweeps = (40_000 / holes.len()).clamp(4, 24);
    for sweep in 0..sweeps {
        // Sweeps in both directions propagate corrections in both directions.
        for n in 0..holes.len() {
            let i = if sweep % 2 == 0 { holes[n] } else { holes[holes.len() - 1 - n] };
            relax(values, i, width, height);
        }
    }
}

/// Moves one pixel to the mean of its neighbours and slightly beyond (successive over-relaxation).
fn relax(values: &mut [Cell], i: usize, width: usize, height: usize) {
    const OVER: f32 = 1.3;
    let (x, y) = (i % width, i / width);
    // At the border the inner neighbour replaces the missing one.
    let step = |at: usize, last: usize, stride: usize| {
        let before = if at > 0 { i - stride } else { i + if last > 0 { stride } else { 0 } };
        let after = if at < last { i + stride } else { i - if last > 0 { stride } else { 0 } };
        (before, after)
    };
    let (left, right) = step(x, width - 1, 1);
    let (above, below) = step(y, height - 1, width);
    let old = values[i];
    values[i] = std::array::from_fn(|c| {
        let mean = (values[left][c] + values[right][c] + values[above][c] + values[below][c]) / 4.0;
        old[c] + OVER * (mean - old[c])
    });
}

/// A grid of half the size: a pixel is known where any of its four is, and then their mean.
struct Coarse {
    values: Vec<Cell>,
    unknown: Vec<bool>,
    width: usize,
    height: usize,
}

impl Coarse {
    fn of(values: &[Cell], unknown: &[bool], width: usize, height: usize) -> Self {
        let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
        let mut sums = vec![[0.0; 4]; columns * rows];
        let mut counts = vec![0.0f32; columns * rows];
        for (i, value) in values.iter().enumerate() {
            if !unknown[i] {
                let parent = (i / width / 2) * columns + i % width / 2;
                counts[parent] += 1.0;
                for (sum, v) in sums[parent].iter_mut().zip(value) {
                    *sum += v;
                }
            }
        }
        for (sum, &count) in sums.iter_mut().zip(&counts) {
            *sum = sum.map(|v| v / count.max(1.0));
        }
        Self {
            values: sums,
            unknown: counts.iter().map(|&n| n == 0.0).collect(),
            width: columns,
            height: rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear ramp solves Laplace's equation, so a hole in one is filled by the ramp.
    #[test]
    fn a_hole_in_a_ramp_is_filled_by_the_ramp() {
        for (width, height) in [(20, 14), (61, 50)] {
            let ramp = |i: usize| [(i % width) as f32 * 0.01, (i / width) as f32 * 0.02, 0.5, 0.0];
            let unknown: Vec<bool> = (0..width * height)
                .map(|i| (2..width - 2).contains(&(i % width)) && (2..height - 2).contains(&(i / width)))
                .collect();
            let mut values: Vec<Cell> =
                (0..width * height).map(|i| if unknown[i] { [9.0; 4] } else { ramp(i) }).collect();
            fill(&mut values, &unknown, width, height);
            for (i, value) in values.iter().enumerate() {
                for (value, expected) in value.iter().zip(ramp(i)).take(3) {
                    assert!((value - expected).abs() < 0.02, "{i}: {value} {expected}");
                }
            }
        }
    }

    #[test]
    fn degenerate_grids_are_left_in_peace() {
        let mut values = vec![[0.3; 4]; 5];
        fill(&mut values, &[true; 5], 5, 1);
        assert_eq!(values, vec![[0.3; 4]; 5]);
        fill(&mut values, &[false; 5], 5, 1);
        fill(&mut values, &[true, true, false, true, true], 1, 5);
        assert!(values.iter().all(|v| (v[0] - 0.3).abs() < 1e-6));
        fill(&mut [], &[], 0, 0);
    }
}
