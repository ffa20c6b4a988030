//! Moving blocks of pixels into channels and back.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::output::written;

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
    shuffle(x, blocks, |x, y| {
        let Blocks { height, width, block } = blocks;
        for row in 0..height {
            for i in 0..block {
                let x = &x[(row * block + i) * width * block..][..width * block];
                let mut targets = y[i * block * height * width..].chunks_mut(height * width);
                for j in 0..block {
                    let y = &mut targets.next().expect("one plane for each column of a block")[row * width..]
                        [..width];
                    match block {
                        // The same, with a distance that the compiler knows.
                        2 => y.iter_mut().zip(x[j..].iter().step_by(2)).for_each(|(y, x)| _ = y.write(*x)),
                        4 => y.iter_mut().zip(x[j..].iter().step_by(4)).for_each(|(y, x)| _ = y.write(*x)),
                        _ => {
                            y.iter_mut().zip(x[j..].iter().step_by(block)).for_each(|(y, x)| _ = y.write(*x))
                        }
                    }
                }
            }
        }
    })
}

/// The reverse of [`space_to_depth`].
pub(crate) fn depth_to_space(x: &[f32], blocks: Blocks) -> Vec<f32> {
    shuffle(x, blocks, |x, y| {
        let Blocks { height, width, block } = blocks;
        for row in 0..height {
            for i in 0..block {
                let y = &mut y[(row * block + i) * width * block..][..width * block];
                let source = |j: usize| &x[(i * block + j) * height * width + row * width..][..width];
                match block {
                    2 => interleave([source(0), source(1)], y),
                    4 => interleave([source(0), source(1), source(2), source(3)], y),
                    _ => (0..block).for_each(|j| {
                        let pixels = y[j..].iter_mut().step_by(block).zip(source(j));
                        pixels.for_each(|(y, x)| _ = y.write(*x));
                    }),
                }
            }
        }
    })
}

/// One number of each source after the other.
fn interleave<const N: usize>(sources: [&[f32]; N], target: &mut [MaybeUninit<f32>]) {
    for (t, target) in target.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        for (target, source) in target.iter_mut().zip(sources) {
            target.write(source[t]);
        }
    }
}

/// `move_plane` for every channel of one side and its planes of the other, all of which it writes.
fn shuffle(
    x: &[f32],
    blocks: Blocks,
    move_plane: impl Fn(&[f32], &mut [MaybeUninit<f32>]) + Sync,
) -> Vec<f32> {
    let plane = blocks.plane().max(1);
    // SAFETY: both functions above go through all rows of all blocks, and each row's pixels are written.
    unsafe {
        written(x.len(), |y| {
            y.par_chunks_mut(plane).zip(x.par_chunks(plane)).for_each(|(y, x)| move_plane(x, y));
        })
    }
}
