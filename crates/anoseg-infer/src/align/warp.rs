//! Images into the part's frame, maps out of it. Bilinear, each once.

use std::borrow::Cow;

use anoseg_image::{AnomalyMap, Filter, Image, resample};
use rayon::prelude::*;

use super::{Alignment, Pose};

/// Images with more pixels for each of the frame are reduced first, so that none is passed over.
const REDUCED_FROM: f32 = 1.25;

impl Alignment {
    /// The image in the part's frame. Beyond the image its border is repeated.
    pub fn framed(&self, image: &Image, pose: &Pose) -> Image {
        let [width, height] = self.frame;
        let whole = [image.width(), image.height()];
        if whole.contains(&0) {
            return Image::filled(width, height, [0.0; 3]);
        }
        let image = reduced(image, pose.scale);
        let own = [image.width() as f32 / whole[0] as f32, image.height() as f32 / whole[1] as f32];
        let [cos, sin] = pose.turn();
        let mut framed = vec![0.0; 3 * width * height];
        let (red, others) = framed.split_at_mut(width * height);
        let (green, blue) = others.split_at_mut(width * height);
        let rows = red.par_chunks_exact_mut(width).zip(green.par_chunks_exact_mut(width));
        let rows = rows.zip(blue.par_chunks_exact_mut(width)).enumerate();
        let grid = Grid { width: image.width(), height: image.height() };
        let planes = [0, 1, 2].map(|c| image.plane(c));
        rows.for_each(|(y, ((red, green), blue))| {
            let from_middle = [0.5 - width as f32 / 2.0, y as f32 + 0.5 - height as f32 / 2.0];
            let [first_x, first_y] = pose.place([cos, sin], from_middle);
            let pixels = red.iter_mut().zip(green).zip(blue).enumerate();
            for (x, ((red, green), blue)) in pixels {
                let (x, y) = (first_x + x as f32 * cos, first_y + x as f32 * sin);
                let place = grid.place(x * own[0], y * own[1]);
                (*red, *green, *blue) = (place.of(planes[0]), place.of(planes[1]), place.of(planes[2]));
            }
        });
        Image::from_planar(width, height, framed).with_sample_type(image.sample_type())
    }

    /// A map of the frame, of any size, in the coordinates of an image of `width` x `height` pixels. Outside
    /// the frame it is 0.
    pub fn unframed(&self, map: &AnomalyMap, pose: &Pose, width: usize, height: usize) -> AnomalyMap {
        let [across, down] = self.frame.map(|side| side as f32);
        let (sin, cos) = pose.angle.sin_cos();
        let scale = [map.width() as f32 / across, map.height() as f32 / down];
        let grid = Grid { width: map.width(), height: map.height() };
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

/// The image with about as many pixels as the frame takes of it.
fn reduced(image: &Image, scale: f32) -> Cow<'_, Image> {
    if scale < REDUCED_FROM {
        return Cow::Borrowed(image);
    }
    let side = |side: usize| ((side as f32 / scale).round() as usize).max(1);
    let (width, height) = (side(image.width()), side(image.height()));
    Cow::Owned(resample::resize_raw(image, width, height, Filter::Bilinear))
}

/// The size of a plane.
#[derive(Clone, Copy)]
struct Grid {
    width: usize,
    height: usize,
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
        let below = if row < last_y { self.width } else { 0 };
        let upper = row * self.width + left;
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
