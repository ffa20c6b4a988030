//! Moving blocks of pixels into channels and back.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::output::initialised;

/// Sizes of one channel: `block * height` x `block * width` pixels on one side, `block * block`
/// channels of `height` x `width` pixels on the other.
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

/// Channel `c * block^2 + i * block + j` of the result holds the pixels in row i and column j of
/// the blocks of channel c.
fn space_to_depth_into(x: &[f32], blocks: Blocks, y: &mut [MaybeUninit<f32>]) {
    shuffle(x, blocks, y, |x, y| {
        let Blocks { height, width, block } = blocks;
        for row in 0..height {
            for i in 0..block {
                let x = &x[(row * block + i) * width * block..][..width * block];
                let mut targets = y[i * block * height * width..].chunks_mut(height * width);
                for j in 0..block {
                    let y = &mut targets.next().expect("one plane for each column of a block")[row * width..]
                        [..width];
                    match block {
                        // The same, with a distance known at compile time.
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

/// The reverse of [`space_to_depth_into`].
fn depth_to_space_into(x: &[f32], blocks: Blocks, y: &mut [MaybeUninit<f32>]) {
    shuffle(x, blocks, y, |x, y| {
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
    y: &mut [MaybeUninit<f32>],
    move_plane: impl Fn(&[f32], &mut [MaybeUninit<f32>]) + Sync,
) {
    assert_eq!(x.len(), y.len(), "a shuffle keeps the number of values");
    let plane = blocks.plane().max(1);
    y.par_chunks_mut(plane).zip(x.par_chunks(plane)).for_each(|(y, x)| move_plane(x, y));
}

/// Moves every `block` x `block` square of pixels of planes of `size` into `block * block` planes:
/// from one channel of `[h, w]` to as many of `[h / block, w / block]`.
///
/// # Panics
/// If `block` does not divide height and width, or `y` has another number of values.
pub fn space_to_depth(x: &[f32], size: [usize; 2], block: usize, y: &mut [f32]) {
    assert!(size.iter().all(|size| size.is_multiple_of(block)), "{size:?} pixels in blocks of {block}");
    space_to_depth_into(x, Blocks { height: size[0] / block, width: size[1] / block, block }, initialised(y));
}

/// The reverse of [`space_to_depth`], from planes of `size` to planes of `block` times the height
/// and width.
///
/// # Panics
/// If `y` has another number of values.
pub fn depth_to_space(x: &[f32], [height, width]: [usize; 2], block: usize, y: &mut [f32]) {
    depth_to_space_into(x, Blocks { height, width, block }, initialised(y));
}

/// The same into memory of their own.
#[cfg(feature = "burn")]
pub(crate) mod owned {
    use super::Blocks;
    use crate::output::written;

    pub(crate) fn space_to_depth(x: &[f32], blocks: Blocks) -> Vec<f32> {
        // SAFETY: every row of every block is written.
        unsafe { written(x.len(), |y| super::space_to_depth_into(x, blocks, y)) }
    }

    pub(crate) fn depth_to_space(x: &[f32], blocks: Blocks) -> Vec<f32> {
        // SAFETY: every row of every block is written.
        unsafe { written(x.len(), |y| super::depth_to_space_into(x, blocks, y)) }
    }
}
