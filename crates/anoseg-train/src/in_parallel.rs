//! Reading many images at a time without filling the memory.

use std::path::{Path, PathBuf};

use anoseg_image::{Limits, decode};
use rayon::prelude::*;

/// Bytes that the images being decoded at one time may take together. A single image may take more.
const BUDGET: u64 = 2 << 30;

/// Bytes of memory per pixel while an image is decoded: three planes of f32, the decoder's own
/// buffer, and a part for resampling.
const BYTES_PER_PIXEL: u64 = 24;

/// An image file and what its header says.
#[derive(Clone, Debug)]
pub(crate) struct Probed {
    pub(crate) path: PathBuf,
    /// Width and height; None where the header cannot be read.
    pub(crate) size: Option<(usize, usize)>,
}

impl Probed {
    fn of(path: &Path, limits: &Limits) -> Self {
        Self { path: path.to_owned(), size: decode::probe(path, limits).ok() }
    }

    /// Bytes that decoding this file takes; 0 where its header cannot be read, because then nothing is
    /// decoded.
    fn decoded_bytes(&self) -> u64 {
        self.size.map_or(0, |(width, height)| (width as u64 * height as u64).saturating_mul(BYTES_PER_PIXEL))
    }
}

/// Reads the headers of these files.
pub(crate) fn probe_all(paths: &[PathBuf], limits: &Limits) -> Vec<Probed> {
    paths.par_iter().map(|path| Probed::of(path, limits)).collect()
}

/// Calls `read` with each path, in parallel as far as the memory allows, and gives the results in
/// the order of the files. `read` decodes within the limits that the files were probed with.
pub(crate) fn read_all<T: Send>(files: &[Probed], read: impl Fn(&Path) -> T + Sync) -> Vec<T> {
    let bytes: Vec<u64> = files.iter().map(Probed::decoded_bytes).collect();
    let mut results = Vec::with_capacity(files.len());
    for group in groups(&bytes, rayon::current_num_threads(), BUDGET) {
        results.par_extend(files[group].par_iter().map(|file| read(&file.path)));
    }
    results
}

/// Consecutive images that may be decoded at the same time by this many threads: as many of the
/// largest of them as there are threads fit into `budget`, or all of them together do.
fn groups(bytes: &[u64], threads: usize, budget: u64) -> Vec<std::ops::Range<usize>> {
    let mut groups = Vec::new();
    let (mut start, mut largest, mut sum) = (0, 0u64, 0u64);
    for (i, &size) in bytes.iter().enumerate() {
        let (with_largest, with_sum) = (largest.max(size), sum.saturating_add(size));
        let at_a_time = with_largest.saturating_mul(threads as u64).min(with_sum);
        if at_a_time > budget && i > start {
            groups.push(start..i);
            (start, largest, sum) = (i, size, size);
        } else {
            (largest, sum) = (with_largest, with_sum);
        }
    }
    groups.push(start..bytes.len());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the groups end.
    fn ends(bytes: &[u64], threads: usize) -> Vec<usize> {
        let groups = groups(bytes, threads, 12);
        assert!(groups.windows(2).all(|pair| pair[0].end == pair[1].start));
        groups.into_iter().map(|group| group.end).collect()
    }

    /// Images above the default limits once counted for nothing where the user had raised them.
    #[test]
    fn an_image_within_the_limits_in_force_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.png");
        let image = anoseg_image::Image::filled(20, 10, [0.5; 3]);
        anoseg_image::write::write_png(&path, &image).unwrap();
        let limits = |max_pixels| Limits { max_pixels, ..Limits::default() };
        let decoded_bytes = |limits| Probed::of(&path, &limits).decoded_bytes();
        assert_eq!(decoded_bytes(limits(200)), 200 * BYTES_PER_PIXEL);
        assert_eq!(decoded_bytes(limits(199)), 0, "nothing is decoded then");
    }

    #[test]
    fn small_images_are_read_together() {
        assert_eq!(ends(&[3; 100], 4), [100]);
        assert_eq!(ends(&[], 4), [0]);
    }

    #[test]
    fn large_images_wait_for_each_other() {
        assert_eq!(ends(&[10, 10, 10], 4), [1, 2, 3]);
        assert_eq!(ends(&[1, 1, 10, 1, 1, 1, 1], 4), [3, 7]);
        assert_eq!(ends(&[50, 1, 1], 2), [1, 3], "one that is too large is read alone");
    }
}
