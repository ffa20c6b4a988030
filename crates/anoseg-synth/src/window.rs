//! Rectangles of an image, and shapes placed on it.

use anoseg_image::{Image, Plane};

/// A rectangle of pixels that lies in the image and holds at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Window {
    /// How many pixels it holds.
    pub(crate) fn area(self) -> usize {
        self.width * self.height
    }

    /// The window extended by `margin` pixels on each side, clipped to the image.
    pub(crate) fn grown(self, margin: usize, width: usize, height: usize) -> Self {
        let (x, y) = (self.x.saturating_sub(margin), self.y.saturating_sub(margin));
        let right = (self.x + self.width + margin).min(width);
        let bottom = (self.y + self.height + margin).min(height);
        Self { x, y, width: right - x, height: bottom - y }
    }

    /// The image's pixels in this window.
    pub(crate) fn cut(self, image: &Image) -> Image {
        let mut data = Vec::with_capacity(3 * self.area());
        for channel in 0..3 {
            let plane = image.plane(channel);
            for y in self.y..self.y + self.height {
                let start = y * image.width() + self.x;
                data.extend_from_slice(&plane[start..start + self.width]);
            }
        }
        Image::from_planar(self.width, self.height, data)
    }

    /// Writes an image of this window's size into it.
    pub(crate) fn paste(self, image: &mut Image, part: &Image) {
        let width = image.width();
        for channel in 0..3 {
            let plane = image.plane_mut(channel);
            for (row, y) in part.plane(channel).chunks_exact(self.width).zip(self.y..) {
                let start = y * width + self.x;
                plane[start..start + self.width].copy_from_slice(row);
            }
        }
    }
}

/// A shape at its position: the cover of each pixel of the window, 0..=1.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) window: Window,
    pub(crate) cover: Plane<f32>,
}

impl Placed {
    /// Centres a shape at a pixel and clips it to the image; `None` if it lies outside the image.
    pub(crate) fn at(
        stencil: &Plane<f32>,
        centre: (isize, isize),
        width: usize,
        height: usize,
    ) -> Option<Self> {
        let left = centre.0 - stencil.width() as isize / 2;
        let top = centre.1 - stencil.height() as isize / 2;
        let columns = left.max(0)..(left + stencil.width() as isize).min(width as isize);
        let rows = top.max(0)..(top + stencil.height() as isize).min(height as isize);
        if columns.is_empty() || rows.is_empty() {
            return None;
        }
        let window = Window {
            x: columns.start as usize,
            y: rows.start as usize,
            width: columns.len(),
            height: rows.len(),
        };
        let cover = Plane::from_fn(window.width, window.height, |x, y| {
            let column = (window.x + x) as isize - left;
            let row = (window.y + y) as isize - top;
            stencil.get(column as usize, row as usize)
        });
        Some(Self { window, cover })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_and_paste_undo_each_other() {
        let image = Image::from_fn(9, 7, |x, y| [x as f32, y as f32, 1.0]);
        let window = Window { x: 3, y: 2, width: 4, height: 5 };
        let part = window.cut(&image);
        assert_eq!(part.get(1, 4), image.get(4, 6));
        let mut other = Image::filled(9, 7, [0.0; 3]);
        window.paste(&mut other, &part);
        assert_eq!(other.get(6, 6), image.get(6, 6));
        assert_eq!(other.get(7, 6), [0.0; 3]);
    }

    #[test]
    fn a_shape_is_cut_off_at_the_border() {
        let stencil = Plane::from_fn(5, 3, |x, y| (y * 5 + x) as f32);
        let placed = Placed::at(&stencil, (0, 9), 20, 10).expect("overlaps");
        assert_eq!(placed.window, Window { x: 0, y: 8, width: 3, height: 2 });
        assert_eq!(placed.cover.as_slice(), [2.0, 3.0, 4.0, 7.0, 8.0, 9.0]);
        assert!(Placed::at(&stencil, (-9, 0), 20, 10).is_none());
    }
}
