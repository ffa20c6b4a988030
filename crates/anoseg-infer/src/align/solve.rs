//! Small systems of least squares.

/// The normal equations of weighted least squares with `N` unknowns.
pub(super) struct System<const N: usize> {
    matrix: [[f64; N]; N],
    right: [f64; N],
}

impl<const N: usize> Default for System<N> {
    fn default() -> Self {
        Self { matrix: [[0.0; N]; N], right: [0.0; N] }
    }
}

impl<const N: usize> System<N> {
    /// An observation: `terms` times the unknowns is to be `value`.
    pub(super) fn add(&mut self, terms: [f64; N], value: f64, weight: f64) {
        for i in 0..N {
            let weighted = weight * terms[i];
            let row = self.matrix[i].iter_mut().zip(terms).skip(i);
            row.for_each(|(sum, term)| *sum += weighted * term);
            self.right[i] += weighted * value;
        }
    }

    /// The unknowns, with the diagonal raised by the share `damping`; None where they are not
    /// determined.
    pub(super) fn solve(mut self, damping: f64) -> Option<[f64; N]> {
        for i in 0..N {
            self.matrix[i][i] *= 1.0 + damping;
        }
        // Cholesky: the lower factor takes the place of the lower triangle.
        let m = &mut self.matrix;
        for i in 0..N {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| m[i][k] * m[j][k]).sum();
                let rest = m[j][i] - sum;
                if i == j {
                    let determined = rest > 1e-12 * m[i][i].abs();
                    if !determined {
                        return None;
                    }
                    m[i][i] = rest.sqrt();
                } else {
                    m[i][j] = rest / m[j][j];
                }
            }
        }
        let mut x = self.right;
        for i in 0..N {
            let sum: f64 = (0..i).map(|k| m[i][k] * x[k]).sum();
            x[i] = (x[i] - sum) / m[i][i];
        }
        for i in (0..N).rev() {
            let sum: f64 = (i + 1..N).map(|k| m[k][i] * x[k]).sum();
            x[i] = (x[i] - sum) / m[i][i];
        }
        x.iter().all(|value| value.is_finite()).then_some(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_through_points_is_found() {
        let mut system = System::<3>::default();
        for (x, y) in [(0.0, 0.0), (1.0, 0.5), (2.0, -1.0), (-3.0, 2.0)] {
            system.add([1.0, x, y], 2.0 - 0.5 * x + 3.0 * y, 1.0 + x * x);
        }
        let found = system.solve(0.0).unwrap();
        assert!(found.iter().zip([2.0, -0.5, 3.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
    }

    #[test]
    fn what_is_not_determined_is_none() {
        let mut system = System::<2>::default();
        system.add([1.0, 1.0], 3.0, 1.0);
        system.add([2.0, 2.0], 6.0, 1.0);
        assert!(system.solve(0.0).is_none());
        assert!(System::<2>::default().solve(0.0).is_none());
    }
}
