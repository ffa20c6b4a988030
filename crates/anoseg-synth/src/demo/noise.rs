//! Seeded random numbers for the parameters of a scene, and noise fields for its textures.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::geometry::{V2, lerp};

/// Draws the parameters of a scene.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice that depend on every bit of `key`, and on nothing else.
    pub(super) fn new(key: [u64; 4]) -> Self {
        let mut seed = [0; 32];
        for (bytes, word) in seed.chunks_exact_mut(8).zip(key) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// Uniform in `low..high`.
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        lerp(low, high, self.0.random::<f32>())
    }

    /// Uniform in `-spread..spread`.
    pub(super) fn within(&mut self, spread: f32) -> f32 {
        self.range(-spread, spread)
    }

    /// Log-uniform in `low..high`, both above 0: small as often as large.
    pub(super) fn log_range(&mut self, low: f32, high: f32) -> f32 {
        self.range(low.ln(), high.ln()).exp()
    }

    /// An angle in radians, all around.
    pub(super) fn angle(&mut self) -> f32 {
        self.range(0.0, std::f32::consts::TAU)
    }

    /// A point in the disc of `radius` around the origin, uniform over its area.
    pub(super) fn in_disc(&mut self, radius: f32) -> V2 {
        let r = radius * self.range(0.0, 1.0).sqrt();
        V2::unit(self.angle()) * r
    }

    /// True with the given probability.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.0.random::<f32>() < probability
    }

    /// Uniform among `0..count`; 0 when there is nothing to choose.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count.max(1))
    }

    /// One of `options`.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, options: [T; N]) -> T {
        options[self.below(N)]
    }

    /// A seed for a noise field.
    pub(super) fn seed(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// About standard normal: four uniform bytes summed, cheap enough for every pixel.
    pub(super) fn deviate(&mut self) -> f32 {
        let sum: u32 = self.0.next_u32().to_le_bytes().into_iter().map(u32::from).sum();
        // Four uniform bytes have mean 510 and variance 4 * (256^2 - 1) / 12.
        (sum as f32 - 510.0) / 147.8
    }
}

/// A hash of two integers and a seed, uniform over `u32` (the `lowbias32` mixer of Chris Wellons,
/// hash-prospector).
fn hash_bits(x: i32, y: i32, seed: u32) -> u32 {
    let mut h =
        (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77).rotate_left(13) ^ seed;
    h = (h ^ (h >> 16)).wrapping_mul(0x7feb_352d);
    h = (h ^ (h >> 15)).wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}

/// A hash of two integers, uniform in -1..1.
pub(super) fn hash(x: i32, y: i32, seed: u32) -> f32 {
    (hash_bits(x, y, seed) >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
}

/// A hash of two integers, two independent values uniform in -1..1 for the price of one.
pub(super) fn hash_pair(x: i32, y: i32, seed: u32) -> V2 {
    let bits = hash_bits(x, y, seed);
    let component = |half: u32| half as f32 * (2.0 / 65_536.0) - 1.0;
    V2::new(component(bits & 0xffff), component(bits >> 16))
}

/// The largest integer not above `x`, without the library call of `f32::floor` on older processors.
pub(super) fn floor(x: f32) -> i32 {
    let truncated = x as i32;
    truncated - i32::from((truncated as f32) > x)
}

/// Smooth noise in -1..1 that varies over about one unit of `p` (value noise with Hermite
/// interpolation).
pub(super) fn smooth_noise(p: V2, seed: u32) -> f32 {
    let (ix, iy) = (floor(p.x), floor(p.y));
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(p.x - ix as f32), ease(p.y - iy as f32));
    let (jx, jy) = (ix.wrapping_add(1), iy.wrapping_add(1));
    let top = lerp(hash(ix, iy, seed), hash(jx, iy, seed), tx);
    let bottom = lerp(hash(ix, jy, seed), hash(jx, jy, seed), tx);
    lerp(top, bottom, ty)
}

/// Two smooth noises at once, each in -1..1: a field of displacements.
pub(super) fn smooth_displacement(p: V2, seed: u32) -> V2 {
    let (ix, iy) = (floor(p.x), floor(p.y));
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(p.x - ix as f32), ease(p.y - iy as f32));
    let (jx, jy) = (ix.wrapping_add(1), iy.wrapping_add(1));
    let mix = |a: V2, b: V2, t: f32| a + (b - a) * t;
    let top = mix(hash_pair(ix, iy, seed), hash_pair(jx, iy, seed), tx);
    let bottom = mix(hash_pair(ix, jy, seed), hash_pair(jx, jy, seed), tx);
    mix(top, bottom, ty)
}

/// Smooth noise in -1..1 along a line: it varies over about one unit of `x`, and each `lane` has
/// its own.
pub(super) fn smooth_noise_along(x: f32, lane: i32, seed: u32) -> f32 {
    let from = floor(x);
    let t = x - from as f32;
    lerp(hash(from, lane, seed), hash(from.wrapping_add(1), lane, seed), t * t * (3.0 - 2.0 * t))
}

/// Gradient noise, about -1..1, that varies over about one unit of `p`; rounder than smooth noise,
/// for outlines (Perlin, "Improving Noise", SIGGRAPH 2002).
fn gradient_noise(p: V2, seed: u32) -> f32 {
    let (ix, iy) = (floor(p.x), floor(p.y));
    let corner = |dx: i32, dy: i32| {
        let (x, y) = (ix.wrapping_add(dx), iy.wrapping_add(dy));
        hash_pair(x, y, seed).dot(p - V2::new(x as f32, y as f32))
    };
    let fade = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (tx, ty) = (fade(p.x - ix as f32), fade(p.y - iy as f32));
    1.7 * lerp(lerp(corner(0, 0), corner(1, 0), tx), lerp(corner(0, 1), corner(1, 1), tx), ty)
}

/// Fractal noise, about -1..1: `octaves` of gradient noise, each twice as fine and half as strong
/// as the one before.
pub(super) fn fractal_noise(p: V2, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut scale) = (0.0, 0.6, 1.0);
    for octave in 0..octaves {
        // A random shift, so that shapes centred on the origin do not show the grid.
        let shift = V2::new(hash(octave as i32, 0, seed), hash(octave as i32, 1, seed)) * 8.0;
        sum += weight * gradient_noise(p * scale + shift, seed.wrapping_add(octave));
        weight *= 0.5;
        scale *= 2.03;
    }
    sum
}
