//! Coreset selection: each chosen vector is the one farthest from those chosen before (k-center
//! greedy; Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985).

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Distances are taken between random projections to this many numbers, which nearly keep them
/// (Johnson and Lindenstrauss, 1984).
const PROJECTED: usize = 48;

/// Vectors of one job.
const CHUNK: usize = 1024;

/// Chooses `count` of `vectors` (`channels` numbers each), all if there are fewer. Returns their
/// indices in ascending order.
pub(crate) fn choose(vectors: &[f32], channels: usize, count: usize, seed: u64) -> Vec<usize> {
    let len = vectors.len() / channels;
    if len <= count {
        return (0..len).collect();
    }
    let points = project(vectors, channels, seed);
    let mut nearest = vec![f32::INFINITY; len];
    let mut chosen = Vec::with_capacity(count);
    let mut next = 0;
    while chosen.len() < count {
        chosen.push(next);
        let point = points[next];
        let farthest: Vec<(usize, f32)> = nearest
            .par_chunks_mut(CHUNK)
            .zip(points.par_chunks(CHUNK))
            .map(|(nearest, points)| approach(nearest, points, &point))
            .collect();
        let chunks = farthest.into_iter().enumerate();
        // On a tie the first vector is chosen, in whatever order the jobs finish.
        next = chunks
            .fold(
                (0, -1.0),
                |best, (chunk, (i, distance))| {
                    if distance > best.1 { (chunk * CHUNK + i, distance) } else { best }
                },
            )
            .0;
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Updates the distances to the nearest chosen vector. Returns the farthest vector and its
/// distance.
fn approach(nearest: &mut [f32], points: &[[f32; PROJECTED]], point: &[f32; PROJECTED]) -> (usize, f32) {
    let mut farthest = (0, -1.0);
    for (i, (nearest, other)) in nearest.iter_mut().zip(points).enumerate() {
        let distance: f32 = other.iter().zip(point).map(|(a, b)| (a - b) * (a - b)).sum();
        *nearest = nearest.min(distance);
        if *nearest > farthest.1 {
            farthest = (i, *nearest);
        }
    }
    farthest
}

/// Random directions have entries of -1 and 1 (Achlioptas, "Database-friendly random projections",
/// 2003).
fn project(vectors: &[f32], channels: usize, seed: u64) -> Vec<[f32; PROJECTED]> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let directions: Vec<[f32; PROJECTED]> = (0..channels)
        .map(|_| std::array::from_fn(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }))
        .collect();
    vectors
        .par_chunks_exact(channels)
        .map(|vector| {
            let mut point = [0.0; PROJECTED];
            for (value, direction) in vector.iter().zip(&directions) {
                point.iter_mut().zip(direction).for_each(|(sum, sign)| *sum += value * sign);
            }
            point
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_vectors_cover_all_groups() {
        // Ten tight groups of very different sizes.
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let sizes = [2000, 500, 300, 100, 50, 20, 10, 3, 2, 1];
        let group_of: Vec<usize> =
            sizes.iter().enumerate().flat_map(|(group, &size)| std::iter::repeat_n(group, size)).collect();
        let vectors: Vec<f32> = group_of
            .iter()
            .flat_map(|&group| (0..20).map(move |channel| if channel == group { 10.0 } else { 0.0 }))
            .map(|centre| centre + 0.1 * rng.random::<f32>())
            .collect();
        let chosen = choose(&vectors, 20, 10, 1);
        assert_eq!(chosen.iter().map(|&i| group_of[i]).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn few_vectors_are_all_kept_and_duplicates_once() {
        assert_eq!(choose(&[1.0, 2.0, 3.0], 1, 5, 0), [0, 1, 2]);
        assert_eq!(choose(&[7.0; 6], 1, 3, 0), [0]);
    }
}
