//! Moving blocks of pixels into channels and back.

use rayon::prelude::*;

/// Sizes of one channel: `block * height` x `block * width` pixels on one side, `block * block` channels of
/// `height` x `width` pixels on the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) block: usize,
}

impl Blocks {
    /// Numbers in all these pixels.
    fn plane(self) -> usize {
        self.height * self.width * self.block * self.block
    }
}

/// Channel `c * block^2 + i * block + j` of the result holds the pixels in row i and column j of the blocks of channel c.
pub(crate) fn space_to_depth(x: &[f32], blocks: Blocks) -> Vec<f32> {
    let Blocks { height, width, block, .. } = blocks;
    let mut y = vec![0.0; x.len()];
    let planes = y.par_chunks_mut(blocks.plane().max(1)).zip(x.par_chunks(blocks.plane().max(1)));
    planes.for_each(|(y, x)| {
        for (index, y) in y.chunks_exact_mut(height * width).enumerate() {
            let (i, j) = (index / block, index % block);
            for (row, y) in y.chunks_exact_mut(width).enumerate() {
                let x = &x[(row * block + i) * width * block..][..width * block];
                y.iter_mut().zip(x[j..].iter().step_by(block)).for_each(|(y, x)| *y = *x);
            }
        }
    });
    y
}

/// The reverse of [`space_to_depth`].
pub(crate) fn depth_to_space(x: &[f32], blocks: Blocks) -> Vec<f32> {
    let Blocks { height, width, block, .. } = blocks;
    let mut y = vec![0.0; x.len()];
    let planes = y.par_chunks_mut(blocks.plane().max(1)).zip(x.par_chunks(blocks.plane().max(1)));
    planes.for_each(|(y, x)| {
        for (index, x) in x.chunks_exact(height * width).enumerate() {
            let (i, j) = (index / block, index % block);
            for (row, x) in x.chunks_exact(width).enumerate() {
                let y = &mut y[(row * block + i) * width * block..][..width * block];
                y[j..].iter_mut().step_by(block).zip(x).for_each(|(y, x)| *y = *x);
            }
        }
    });
    y
}
