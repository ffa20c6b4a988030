//! Decoded samples in the layout of the file, and their conversion to planar f32 images and masks.

use image::metadata::Orientation;

use super::error::Fault;
use crate::plane::{AnomalyMap, Image, Mask};
pub(super) use crate::samples::Samples;
use crate::samples::{Stored, of_u8, of_u16};

impl Samples {
    /// Checks that no float is NaN or infinite.
    pub(super) fn check_numbers(&self, channels: usize) -> Result<(), Fault> {
        let Self::F32(values) = self else { return Ok(()) };
        let pixels = values.chunks_exact(channels).filter(|p| p.iter().any(|v| !v.is_finite())).count();
        if pixels == 0 { Ok(()) } else { Err(Fault::NotNumbers(pixels)) }
    }
}

/// An image as stored: `[height, width, channels]`, not yet turned upright.
#[derive(Debug)]
pub(super) struct Raster {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    pub(super) channels: usize,
    pub(super) samples: Samples,
    /// Whether the pixels differ in their alpha.
    pub(super) alpha_varies: bool,
}

/// Share of full scale from which on a pixel of a lossily compressed mask is anomalous.
const LOSSY_MASK_LEVEL: f32 = 0.5;

impl Raster {
    /// An image with the channels of the file, alpha included.
    pub(super) fn new(width: usize, height: usize, channels: usize, samples: Samples) -> Self {
        fn varies<T: PartialEq>(samples: &[T], channels: usize) -> bool {
            let mut alpha = samples.iter().skip(channels - 1).step_by(channels);
            let first = alpha.next();
            alpha.any(|value| Some(value) != first)
        }
        let alpha_varies = matches!(channels, 2 | 4)
            && match &samples {
                Samples::U8(v) => varies(v, channels),
                Samples::U16(v) => varies(v, channels),
                Samples::F32(v) => varies(v, channels),
            };
        Self { width, height, channels, samples, alpha_varies }
    }

    /// The upright image: integers as shares of full scale, floats as they are. Alpha is ignored.
    pub(super) fn into_image(self, orientation: Orientation) -> Image {
        let (width, height) = upright_size(self.width, self.height, orientation);
        let channels = self.colours();
        if orientation == Orientation::NoTransforms && channels == self.channels {
            return Image::from_stored(width, height, Stored::new(self.samples, channels));
        }
        let samples = match &self.samples {
            Samples::U8(v) => Samples::U8(self.upright(v, orientation)),
            Samples::U16(v) => Samples::U16(self.upright(v, orientation)),
            Samples::F32(v) => Samples::F32(self.upright(v, orientation)),
        };
        Image::from_stored(width, height, Stored::new(samples, channels))
    }

    /// The upright mask: the largest of a pixel's colour values decides; alpha is ignored.
    pub(super) fn into_mask(self, orientation: Orientation, lossy: bool) -> Mask {
        let level = if lossy { LOSSY_MASK_LEVEL } else { 0.0 };
        match &self.samples {
            Samples::U8(v) if lossy => self.mask(v, orientation, |s| of_u8(s) >= level),
            Samples::U8(v) => self.mask(v, orientation, |s| s != 0),
            Samples::U16(v) if lossy => self.mask(v, orientation, |s| of_u16(s) >= level),
            Samples::U16(v) => self.mask(v, orientation, |s| s != 0),
            Samples::F32(v) => self.mask(v, orientation, |s| if lossy { s >= level } else { s != 0.0 }),
        }
    }

    /// The upright anomaly map, values as stored.
    pub(super) fn into_map(self, orientation: Orientation) -> Result<AnomalyMap, Fault> {
        match &self.samples {
            Samples::F32(v) if self.channels == 1 => {
                let upright = Upright::new(self.width, self.height, orientation);
                let mut data = vec![0.0; v.len()];
                upright.for_each(|to, from| data[to] = v[from]);
                Ok(AnomalyMap::from_vec(upright.width, upright.height, data))
            }
            _ => Err(Fault::unsupported("an anomaly map has one 32-bit float per pixel")),
        }
    }

    /// The samples turned upright, without alpha.
    fn upright<T: Copy + Default>(&self, samples: &[T], orientation: Orientation) -> Vec<T> {
        let colours = self.colours();
        let mut turned = vec![T::default(); self.width * self.height * colours];
        Upright::new(self.width, self.height, orientation).for_each(|to, from| {
            let from = &samples[from * self.channels..][..colours];
            turned[to * colours..][..colours].copy_from_slice(from);
        });
        turned
    }

    fn mask<T: Copy>(&self, samples: &[T], orientation: Orientation, anomalous: impl Fn(T) -> bool) -> Mask {
        let upright = Upright::new(self.width, self.height, orientation);
        let colours = self.colours();
        let mut data = vec![false; self.width * self.height];
        upright.for_each(|to, from| {
            let first = from * self.channels;
            data[to] = samples[first..first + colours].iter().any(|&s| anomalous(s));
        });
        Mask::from_vec(upright.width, upright.height, data)
    }

    /// Colour values per pixel, without alpha.
    fn colours(&self) -> usize {
        if self.channels >= 3 { 3 } else { 1 }
    }
}

/// The walk over a stored image that turns it upright.
struct Upright {
    width: usize,
    height: usize,
    /// Index of the stored pixel that becomes the upright one at (0, 0).
    origin: isize,
    /// How far one step right, and one step down, goes in the stored image.
    right: isize,
    down: isize,
}

/// Size of the upright image made from a stored one.
pub(super) fn upright_size(width: usize, height: usize, orientation: Orientation) -> (usize, usize) {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    match orientation {
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

impl Upright {
    fn new(stored_width: usize, stored_height: usize, orientation: Orientation) -> Self {
        let (w, h) = (stored_width as isize, stored_height as isize);
        let (left_bottom, right_top, last) = ((h - 1) * w, w - 1, h * w - 1);
        // Exif 2.32, tag 0x0112: which stored row and column is the upright image's top and left.
        let (origin, right, down) = match orientation {
            Orientation::NoTransforms => (0, 1, w),
            Orientation::FlipHorizontal => (right_top, -1, w),
            Orientation::Rotate180 => (last, -1, -w),
            Orientation::FlipVertical => (left_bottom, 1, -w),
            Orientation::Rotate90FlipH => (0, w, 1),
            Orientation::Rotate90 => (left_bottom, -w, 1),
            Orientation::Rotate270FlipH => (last, -w, -1),
            Orientation::Rotate270 => (right_top, w, -1),
        };
        let (width, height) = upright_size(stored_width, stored_height, orientation);
        Self { width, height, origin, right, down }
    }

    /// Calls `f(upright index, stored index)` for every pixel, row by row of the upright image.
    fn for_each(&self, mut f: impl FnMut(usize, usize)) {
        for y in 0..self.height {
            let mut from = self.origin + y as isize * self.down;
            for x in 0..self.width {
                f(y * self.width + x, from as usize);
                from += self.right;
            }
        }
    }
}
