//! Where the pixels of the network's input lie in the image.
//!
//! An image is first resampled to its *plane*: the image at the scale of the network. The network runs
//! on *windows* of the plane, all of the size of its input. A window may reach beyond the plane; the
//! plane's border is repeated there. What the network gives for the windows is joined to a map of the
//! plane, in which nothing shows where the windows lay.

mod joined;
mod tiling;

use std::fmt;

use anoseg_image::{AnomalyMap, Image};
use serde::{Deserialize, Serialize};

pub(crate) use joined::Joined;
use tiling::{Tiling, starts};

use crate::SettingError;
use crate::settings::require;

/// Longest side of a network's input.
const LONGEST_SIDE: usize = 4096;

/// [`Geometry::Tiles`]'s `part` and `step` in files that do not name them.
fn usual_part() -> usize {
    256
}

fn usual_step() -> usize {
    32
}

/// Where the pixels of the network's input lie in the image.
///
/// ```
/// use anoseg_infer::Geometry;
///
/// let (width, height) = (256, 256);
/// let geometry = Geometry::Tiles { width, height, scale: 0.5, overlap: 64, part: 256, step: 32 };
/// let plane = geometry.plane(1600, 875);
/// assert_eq!((plane.width, plane.height), (800, 448));
/// let windows = geometry.windows(plane);
/// assert_eq!(windows.len(), 4 * 2);
/// assert_eq!((windows[0].x, windows[0].y), (0, 0));
/// assert_eq!((windows[7].x, windows[7].y), (800 - 256, 448 - 256));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Geometry {
    /// The whole image is resampled to this size, whatever its ratio of width to height.
    Whole {
        /// Width of the network's input in pixels.
        width: usize,
        /// Height of the network's input in pixels.
        height: usize,
    },
    /// The whole image at one scale, so that it keeps its shape. One of another shape than the network's
    /// input is put in its middle.
    Fitted {
        /// Width of the network's input in pixels.
        width: usize,
        /// Height of the network's input in pixels.
        height: usize,
    },
    /// The image at a fixed scale, in tiles that overlap.
    Tiles {
        /// Width of a tile, which is the network's input, in pixels of the network.
        width: usize,
        /// Height of a tile in pixels of the network.
        height: usize,
        /// Pixels of the network per pixel of the image, above 0 and at most 1.
        scale: f32,
        /// Pixels of the network that neighbouring tiles have in common at least.
        overlap: usize,
        /// Side of the square parts that the network was trained on, in pixels of the network.
        #[serde(default = "usual_part")]
        part: usize,
        /// Tiles begin at multiples of this, and the sides of planes are multiples of it: a multiple of
        /// the network's stride.
        #[serde(default = "usual_step")]
        step: usize,
    },
}

/// Size of an image's plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Width in pixels of the network.
    pub width: usize,
    /// Height in pixels of the network.
    pub height: usize,
}

impl Extent {
    /// The size of an image at the network's scale.
    pub fn of(image: &Image) -> Self {
        Self { width: image.width(), height: image.height() }
    }
}

/// The part of the plane that the network sees at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The plane's column of the window's first one; negative where the window is wider than the plane.
    pub x: isize,
    /// The plane's row of the window's first one.
    pub y: isize,
    /// The plane.
    pub plane: Extent,
}

impl Window {
    /// The window that is the whole plane.
    pub fn whole(width: usize, height: usize) -> Self {
        Self { x: 0, y: 0, plane: Extent { width, height } }
    }

    /// Row and column of each position of a grid of `h` x `w` over the window, which has
    /// `stride` x `stride` pixels a position, scaled so that the plane's first pixel is -1 and its last
    /// one 1: `[2, h, w]`.
    pub fn coordinates(&self, [h, w]: [usize; 2], stride: usize) -> Vec<f32> {
        let scaled = |start: isize, len: usize, i: usize| {
            let middle = (stride as f32 - 1.0) / 2.0;
            let at = start as f32 + (i * stride) as f32 + middle;
            if len > 1 { 2.0 * at / (len as f32 - 1.0) - 1.0 } else { 0.0 }
        };
        let Self { x, y, plane } = *self;
        let rows = (0..h).flat_map(|i| std::iter::repeat_n(scaled(y, plane.height, i), w));
        let columns = (0..h).flat_map(|_| (0..w).map(|i| scaled(x, plane.width, i)));
        rows.chain(columns).collect()
    }
}

impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { width, height } => write!(f, "{width} x {height} pixels, whole images"),
            Self::Fitted { width, height } => {
                write!(f, "{width} x {height} pixels, whole images in their shape")
            }
            Self::Tiles { width, height, scale, .. } => {
                let percent = 100.0 * scale;
                // At most three digits: 4 / 6 is no 66.666664 %.
                let rounded = if percent < 10.0 {
                    (100.0 * percent).round() / 100.0
                } else {
                    (10.0 * percent).round() / 10.0
                };
                write!(f, "{width} x {height} pixels, parts at {rounded} % of the resolution")
            }
        }
    }
}

impl Geometry {
    /// Images whose ratios of width to height differ by up to this factor have the same shape. They fill
    /// the network's input; others keep their shape in it.
    pub const SAME_SHAPE: f32 = 1.05;

    /// Whether images of these sizes (width, height) have the same shape.
    pub fn have_same_shape(a: (usize, usize), b: (usize, usize)) -> bool {
        let ratio = |(width, height): (usize, usize)| (width as f32 / height as f32).ln();
        (ratio(a) - ratio(b)).abs() <= Self::SAME_SHAPE.ln()
    }

    /// Height and width of the network's input.
    pub fn size(&self) -> [usize; 2] {
        let (Self::Whole { width, height }
        | Self::Fitted { width, height }
        | Self::Tiles { width, height, .. }) = *self;
        [height, width]
    }

    /// Whether the network runs on parts of the image.
    pub fn is_tiled(&self) -> bool {
        matches!(self, Self::Tiles { .. })
    }

    /// The size of an image of `width` x `height` pixels at the network's scale.
    pub fn plane(&self, width: usize, height: usize) -> Extent {
        let scaled = |side: usize, scale: f32| ((side as f32 * scale).round() as usize).max(1);
        match *self {
            Self::Whole { width, height } => Extent { width, height },
            Self::Fitted { width: most_wide, height: most_high } => {
                let (across, down) = (most_wide as f32 / width as f32, most_high as f32 / height as f32);
                if across.max(down) <= Self::SAME_SHAPE * across.min(down) {
                    return Extent { width: most_wide, height: most_high };
                }
                let scale = across.min(down);
                Extent {
                    width: scaled(width, scale).min(most_wide),
                    height: scaled(height, scale).min(most_high),
                }
            }
            // Sides are multiples of the step, so that the first and the last window end where the image
            // does: a network that was trained on images takes anything beyond their border for a defect.
            Self::Tiles { scale, step, .. } => {
                let stepped = |side: usize| {
                    ((side as f32 * scale / step as f32).round() as usize).max(1).saturating_mul(step)
                };
                Extent { width: stepped(width), height: stepped(height) }
            }
        }
    }

    /// Height and width of the windows of a plane: those of the network's input, or of the plane where a
    /// tile is longer.
    pub fn window_size(&self, plane: Extent) -> [usize; 2] {
        let [height, width] = self.size();
        if self.is_tiled() { [height.min(plane.height), width.min(plane.width)] } else { [height, width] }
    }

    /// Height and width of what the network took of an image of this plane in training: a square part, no
    /// longer than the plane, or else the whole.
    pub fn part_size(&self, plane: Extent) -> [usize; 2] {
        match *self {
            Self::Tiles { part, .. } => [part.min(plane.height), part.min(plane.width)],
            _ => [plane.height, plane.width],
        }
    }

    /// Pixels of the plane that a score is relative to: those that the network took at a time in
    /// training, so that a defect scores the same on an image of any size.
    pub fn reference_area(&self, plane: Extent) -> usize {
        self.part_size(plane).iter().product()
    }

    /// The windows that cover a plane, row by row. They begin at multiples of the network's stride, so
    /// that a pixel has the same place in the network's strides in every window.
    pub fn windows(&self, plane: Extent) -> Vec<Window> {
        let [down, across] = self.tilings(plane);
        let columns = starts(plane.width, across);
        let row = |y: isize| columns.iter().map(move |&x| Window { x, y, plane });
        starts(plane.height, down).into_iter().flat_map(row).collect()
    }

    /// How the windows lie along the height and along the width.
    fn tilings(&self, plane: Extent) -> [Tiling; 2] {
        let (overlap, step) =
            if let Self::Tiles { overlap, step, .. } = *self { (overlap, step) } else { (0, 1) };
        self.window_size(plane).map(|side| Tiling { side, overlap: overlap.min(side / 2), step })
    }

    /// Joins what the network gives for each window, in the order of [`Geometry::windows`], to a map of
    /// the plane. Where windows overlap their values are mixed: the share of each grows with the
    /// distance to its border, beside which a network knows only half of the surroundings.
    ///
    /// # Panics
    /// If there are not as many parts as windows, or one is of another size.
    pub fn join(&self, plane: Extent, parts: &[AnomalyMap]) -> AnomalyMap {
        let mut joined = Joined::new(self, plane);
        parts.iter().for_each(|part| joined.add(part));
        joined.finish()
    }

    /// Checks that both sides are multiples of `stride`, above 0 and at most 4096, and that tiles
    /// overlap by less than half.
    ///
    /// # Errors
    /// They are not.
    pub(crate) fn validate(&self, stride: usize) -> Result<(), SettingError> {
        let fits = |side: &usize| (1..=LONGEST_SIDE).contains(side) && side.is_multiple_of(stride);
        let allowed = format!("each side must be a multiple of {stride} and at most {LONGEST_SIDE}");
        require(self.size().iter().all(fits), "preprocess.geometry", self.size(), allowed)?;
        if let Self::Tiles { width, height, scale, overlap, part, step } = *self {
            let above_zero = scale > 0.0 && scale <= 1.0;
            require(above_zero, "preprocess.geometry.tiles.scale", scale, "must be above 0 and at most 1")?;
            let fits = 2 * overlap <= width.min(height);
            let allowed = "must be at most half of a tile's side";
            require(fits, "preprocess.geometry.tiles.overlap", overlap, allowed)?;
            let fits = step > 0
                && step.is_multiple_of(stride)
                && [width, height].iter().all(|side| side % step == 0);
            let allowed = format!("must be a multiple of {stride} that divides both sides");
            require(fits, "preprocess.geometry.tiles.step", step, allowed)?;
            let in_range = (1..=LONGEST_SIDE).contains(&part);
            require(in_range, "preprocess.geometry.tiles.part", part, "must be 1 to 4096")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_that_agree_give_the_plane_back(width in 20usize..300, height in 20usize..300, overlap in 0usize..32) {
            let geometry =
                Geometry::Tiles { width: 64, height: 96, scale: 1.0, overlap, part: 64, step: 32 };
            let plane = geometry.plane(width, height);
            let [down, across] = geometry.window_size(plane);
            let value = |x: isize, y: isize| {
                let x = x as f32;
                (x * 0.1).sin() + y as f32 * 0.01
            };
            let parts: Vec<AnomalyMap> = geometry
                .windows(plane)
                .iter()
                .map(|w| AnomalyMap::from_fn(across, down, |x, y| value(w.x + x as isize, w.y + y as isize)))
                .collect();
            let map = geometry.join(plane, &parts);
            for y in 0..plane.height {
                for x in 0..plane.width {
                    prop_assert!((map.get(x, y) - value(x as isize, y as isize)).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn an_image_of_another_shape_keeps_it() {
        let geometry = Geometry::Fitted { width: 384, height: 160 };
        assert_eq!(geometry.plane(1250, 500), Extent { width: 384, height: 160 });
        let plane = geometry.plane(500, 500);
        assert_eq!(plane, Extent { width: 160, height: 160 });
        assert_eq!(geometry.windows(plane), [Window { x: -112, y: 0, plane }]);
        assert_eq!(Geometry::Whole { width: 64, height: 32 }.plane(7, 9), Extent { width: 64, height: 32 });
    }

    #[test]
    fn coordinates_are_those_of_the_plane() {
        let plane = Extent { width: 101, height: 51 };
        let window = Window { x: 40, y: -4, plane };
        let found = window.coordinates([8, 16], 4);
        let (rows, columns) = found.split_at(8 * 16);
        assert!((rows[0] - (2.0 * (-4.0 + 1.5) / 50.0 - 1.0)).abs() < 1e-6);
        assert!((columns[15] - (2.0 * (40.0 + 15.0 * 4.0 + 1.5) / 100.0 - 1.0)).abs() < 1e-6);
        let whole = Window::whole(16, 8).coordinates([8, 16], 1);
        assert_eq!(
            (whole[0], whole[8 * 16 - 1], whole[8 * 16], whole[2 * 8 * 16 - 1]),
            (-1.0, 1.0, -1.0, 1.0)
        );
    }
}
