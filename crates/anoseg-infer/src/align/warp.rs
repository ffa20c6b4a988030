//! Images into the part's frame, maps out of it. Bilinear, each once.

use std::ops::Range;

use anoseg_image::{AnomalyMap, Filter, Image, resample};
use rayon::prelude::*;

use super::{Alignment, Pose};

/// Side of the squares of the frame that are made at a time, in pixels. The pixels that one takes fit into
/// the cache of a core as floats.
const BLOCK: usize = 64;

/// Images with more pixels for each of the frame are reduced first, so that none is passed over.
const REDUCED_FROM: f32 = 1.25;

impl Alignment {
    /// The image in the part's frame. Beyond the image its border is repeated.
    pub fn framed(&self, image: &Image, pose: &Pose) -> Image {
        self.framed_of(image, pose, |_| {})
    }

    /// As [`Alignment::framed`], of an image whose rows are first changed by `change`, whole or in parts.
    pub(crate) fn framed_of(&self, image: &Image, pose: &Pose, change: impl Fn(&mut [f32]) + Sync) -> Image {
        let [width, height] = self.frame;
        let whole = [image.width(), image.height()];
        if whole.contains(&0) {
            return Image::filled(width, height, [0.0; 3]);
        }
        let samples = image.sample_type();
        let reduced = reduced(image, pose.scale, &change);
        let source =
            Source { image: reduced.as_ref().unwrap_or(image), change: reduced.is_none().then_some(&change) };
        let own =
            [source.image.width() as f32 / whole[0] as f32, source.image.height() as f32 / whole[1] as f32];
        let turn = pose.turn();
        let place = |x: usize, y: usize| {
            let from_middle = [0.5 - width as f32 / 2.0, y as f32 + 0.5 - height as f32 / 2.0];
            let [first_x, first_y] = pose.place(turn, from_middle);
            let [cos, sin] = turn;
            [(first_x + x as f32 * cos) * own[0], (first_y + x as f32 * sin) * own[1]]
        };
        let mut framed = vec![0.0; 3 * width * height];
        let (red, others) = framed.split_at_mut(width * height);
        let (green, blue) = others.split_at_mut(width * height);
        let some = BLOCK * width;
        let strips = red.par_chunks_mut(some).zip(green.par_chunks_mut(some)).zip(blue.par_chunks_mut(some));
        strips.enumerate().for_each(|(number, ((red, green), blue))| {
            let top = number * BLOCK;
            let rows = top..top + red.len() / width;
            for left in (0..width).step_by(BLOCK) {
                let columns = left..(left + BLOCK).min(width);
                let pixels = source.around(&columns, &rows, place);
                for (y, x) in rows.clone().flat_map(|y| columns.clone().map(move |x| (y, x))) {
                    let [across, down] = place(x, y);
                    let place = pixels.grid.place(across, down);
                    let at = (y - top) * width + x;
                    [red[at], green[at], blue[at]] = pixels.planes.each_ref().map(|plane| place.of(plane));
                }
            }
        });
        Image::from_planar(width, height, framed).with_sample_type(samples)
    }

    /// A map of the frame, of any size, in the coordinates of an image of `width` x `height` pixels. Outside
    /// the frame it is 0.
    pub fn unframed(&self, map: &AnomalyMap, pose: &Pose, width: usize, height: usize) -> AnomalyMap {
        let [across, down] = self.frame.map(|side| side as f32);
        let (sin, cos) = pose.angle.sin_cos();
        let scale = [map.width() as f32 / across, map.height() as f32 / down];
        let grid = Grid { width: map.width(), height: map.height(), left: 0, top: 0, stride: map.width() };
        let mut data = vec![0.0; width * height];
        data.par_chunks_exact_mut(width.max(1)).enumerate().for_each(|(y, row)| {
            let dy = (y as f32 + 0.5 - pose.centre[1]) / pose.scale;
            for (x, value) in row.iter_mut().enumerate() {
                let dx = (x as f32 + 0.5 - pose.centre[0]) / pose.scale;
                let (u, v) = (cos * dx + sin * dy + across / 2.0, cos * dy - sin * dx + down / 2.0);
                if u >= 0.0 && v >= 0.0 && u < across && v < down {
                    *value = grid.place(u * scale[0], v * scale[1]).of(map.as_slice());
                }
            }
        });
        AnomalyMap::from_vec(width, height, data)
    }
}

/// The image with about as many pixels as the frame takes of it, where it has notably more.
fn reduced(image: &Image, scale: f32, change: &(impl Fn(&mut [f32]) + Sync)) -> Option<Image> {
    if scale < REDUCED_FROM {
        return None;
    }
    let side = |side: usize| ((side as f32 / scale).round() as usize).max(1);
    let (width, height) = (side(image.width()), side(image.height()));
    Some(resample::resize_part(image, (width, height), (0..width, 0..height), Filter::Bilinear, change))
}

/// Where the pixels of the frame come from.
struct Source<'a, F> {
    image: &'a Image,
    /// What is done to its values, if anything.
    change: Option<&'a F>,
}

/// Pixels of an image as floats, and where they lie.
struct Pixels {
    grid: Grid,
    planes: [Vec<f32>; 3],
}

impl<F: Fn(&mut [f32])> Source<'_, F> {
    /// The pixels that a block of the frame takes. `place` gives the place of a pixel of the frame.
    fn around(
        &self,
        columns: &Range<usize>,
        rows: &Range<usize>,
        place: impl Fn(usize, usize) -> [f32; 2],
    ) -> Pixels {
        let corners =
            [columns.start, columns.end - 1].map(|x| [rows.start, rows.end - 1].map(|y| place(x, y)));
        let along = |axis: usize, side: usize| {
            let places = || corners.iter().flatten().map(|corner| corner[axis]);
            if !places().all(f32::is_finite) {
                return 0..side;
            }
            // A pixel before and after for the mean of two, and one for rounding.
            let first = places().fold(f32::INFINITY, f32::min) as usize;
            let last = places().fold(f32::NEG_INFINITY, f32::max) as usize;
            first.saturating_sub(2).min(side - 1)..(last.saturating_add(3)).min(side)
        };
        let (across, down) = (along(0, self.image.width()), along(1, self.image.height()));
        let planes = [0, 1, 2].map(|c| {
            let mut plane = vec![0.0; across.len() * down.len()];
            for (row, y) in plane.chunks_exact_mut(across.len()).zip(down.clone()) {
                self.image.copy_row(c, across.start, y, row);
                self.change.iter().for_each(|change| change(row));
            }
            plane
        });
        let (width, height) = (self.image.width(), self.image.height());
        Pixels {
            grid: Grid { width, height, left: across.start, top: down.start, stride: across.len() },
            planes,
        }
    }
}

/// Some of the pixels of a plane, row by row.
#[derive(Clone, Copy)]
struct Grid {
    /// Width and height of the whole plane.
    width: usize,
    height: usize,
    /// Column and row of the first pixel.
    left: usize,
    top: usize,
    /// Pixels of a row.
    stride: usize,
}

/// Four pixels and what each counts.
struct Place {
    upper: usize,
    lower: usize,
    /// 1 where there is a pixel to the right, otherwise 0.
    right: usize,
    across: f32,
    down: f32,
}

impl Grid {
    /// The pixels around a place; pixel centres lie at half-integers. Beyond the border the nearest.
    #[inline]
    fn place(self, x: f32, y: f32) -> Place {
        let (x, y) = ((x - 0.5).max(0.0), (y - 0.5).max(0.0));
        let (last_x, last_y) = (self.width - 1, self.height - 1);
        let (left, row) = ((x as usize).min(last_x), (y as usize).min(last_y));
        let below = if row < last_y { self.stride } else { 0 };
        let upper = (row - self.top) * self.stride + left - self.left;
        Place {
            upper,
            lower: upper + below,
            right: usize::from(left < last_x),
            across: (x - left as f32).min(1.0),
            down: (y - row as f32).min(1.0),
        }
    }
}

impl Place {
    #[inline]
    fn of(&self, plane: &[f32]) -> f32 {
        let Self { upper, lower, right, across, down } = *self;
        let top = plane[upper] + (plane[upper + right] - plane[upper]) * across;
        let bottom = plane[lower] + (plane[lower + right] - plane[lower]) * across;
        top + (bottom - top) * down
    }
}
