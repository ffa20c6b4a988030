//! Which part of the image, and at which scale, the network of a training takes.

use std::path::PathBuf;

use anoseg_image::{Image, Limits, decode};
use anoseg_infer::{Extent, Geometry, Window};
use rayon::prelude::*;

use crate::config::{Input, View};

/// The planes of whole images have up to as many pixels, in squares of [`Input::size`], that the network
/// runs on all of it at once.
const AT_ONCE: usize = 4;

/// Pixels that tiles have in common, as a share of their side: 3 / 32.
const OVERLAP: [usize; 2] = [3, 32];

/// Sides of tiles are multiples of this, as far as the network's stride is no larger.
const MULTIPLE: usize = 32;

/// The geometry for images of these sizes (width, height), for a network of this stride.
pub(crate) fn choose(input: &Input, stride: usize, sizes: &[(usize, usize)]) -> Geometry {
    let square = Geometry::Whole { width: input.size, height: input.size };
    let Some((width, height)) = median(sizes) else { return square };
    let multiple = stride.max(MULTIPLE);
    match input.view {
        View::Square => square,
        View::Whole => shaped(input.size, multiple, (width, height)),
        View::Scale(scale) => tiles(input.size, multiple, scale, (width, height)),
    }
}

/// The median width and height.
fn median(sizes: &[(usize, usize)]) -> Option<(usize, usize)> {
    let middle = |mut sides: Vec<usize>| {
        sides.sort_unstable();
        sides.get(sides.len() / 2).copied()
    };
    let width = middle(sizes.iter().map(|size| size.0).collect())?;
    Some((width, middle(sizes.iter().map(|size| size.1).collect())?))
}

/// The sizes of the images whose headers can be read.
pub(crate) fn sizes(paths: &[PathBuf], limits: &Limits) -> Vec<(usize, usize)> {
    paths.par_iter().filter_map(|path| decode::probe(path, limits).ok()).collect()
}

/// Sides that are multiples of `multiple`, with about as many pixels as a square of `size` and the
/// shape of an image of `width` x `height`.
fn shaped(size: usize, multiple: usize, (width, height): (usize, usize)) -> Geometry {
    let ratio = width as f32 / height as f32;
    let area = (size * size) as f32;
    let rounded = |side: f32| ((side / multiple as f32).round() as usize).max(1) * multiple;
    let across = (area * ratio).sqrt();
    let candidates = [-1.0, 0.0, 1.0].map(|more| {
        let width = rounded(across + more * multiple as f32);
        (width, rounded(width as f32 / ratio))
    });
    // Of sizes that are up to a quarter larger or smaller, that of the most similar shape.
    let cost = |&(width, height): &(usize, usize)| {
        let shape = (width as f32 / height as f32 / ratio).ln().abs();
        let size = ((width * height) as f32 / area).ln().abs();
        shape + (size - 0.22).max(0.0) * 10.0 + 0.01 * size
    };
    let best = candidates.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
    let (width, height) = best.unwrap_or((size, size));
    if width == height { Geometry::Whole { width, height } } else { Geometry::Fitted { width, height } }
}

fn tiles(size: usize, multiple: usize, scale: f32, (width, height): (usize, usize)) -> Geometry {
    let up = |side: f32| (side.round() as usize).div_ceil(multiple).max(1) * multiple;
    let (across, down) = (up(width as f32 * scale), up(height as f32 * scale));
    let overlap = |side: usize| side * OVERLAP[0] / OVERLAP[1];
    if across * down <= AT_ONCE * size * size {
        let overlap = overlap(across.min(down));
        return Geometry::Tiles { width: across, height: down, scale, overlap };
    }
    let (width, height) = (across.min(2 * size), down.min(2 * size));
    Geometry::Tiles { width, height, scale, overlap: overlap(width.min(height)) }
}

/// The size that all training images get: that of the plane of an image of median size.
pub(crate) fn common_extent(geometry: &Geometry, sizes: &[(usize, usize)]) -> Extent {
    match geometry {
        Geometry::Tiles { .. } => {
            let (width, height) = median(sizes).unwrap_or((1, 1));
            geometry.plane(width, height)
        }
        _ => {
            let [height, width] = geometry.size();
            Extent { width, height }
        }
    }
}

/// Parts of training images of `size` x `size` pixels that cover images of this extent: what the network
/// sees of them in training. Without tiles the whole image.
pub(crate) fn views(geometry: &Geometry, size: usize, plane: Extent) -> Vec<Window> {
    match *geometry {
        Geometry::Tiles { scale, .. } => {
            Geometry::Tiles { width: size, height: size, scale, overlap: 0 }.windows(plane)
        }
        _ => vec![Window { x: 0, y: 0, plane }],
    }
}

/// The image with this extent: cut or continued by its border on both sides, where it has another.
pub(crate) fn framed(image: Image, Extent { width, height }: Extent) -> Image {
    if (image.width(), image.height()) == (width, height) {
        return image;
    }
    let start = |own: usize, wanted: usize| (own as isize - wanted as isize).div_euclid(2);
    image.cut((start(image.width(), width), start(image.height(), height)), width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(view: View, sizes: &[(usize, usize)]) -> Geometry {
        choose(&Input { view, ..Input::default() }, 16, sizes)
    }

    #[test]
    fn whole_images_keep_their_shape_and_the_number_of_pixels() {
        for (width, height) in [(500, 1263), (640, 480), (1920, 1080), (300, 290), (100, 4000), (1, 1)] {
            let [h, w] = chosen(View::Whole, &[(width, height)]).size();
            assert!(w % 32 == 0 && h % 32 == 0);
            let area = (w * h) as f32 / (256.0 * 256.0);
            assert!((0.7..1.4).contains(&area), "{width} x {height}: {w} x {h}");
            if width < 4 * height && height < 4 * width {
                let shape = w as f32 / h as f32 / (width as f32 / height as f32);
                assert!((0.85..1.18).contains(&shape), "{width} x {height}: {w} x {h}");
            }
        }
        assert_eq!(chosen(View::Whole, &[(900, 900)]), Geometry::Whole { width: 256, height: 256 });
    }

    #[test]
    fn an_image_that_is_small_enough_is_one_tile() {
        let geometry = chosen(View::Scale(0.5), &[(500, 1263), (500, 1263), (90, 90)]);
        assert_eq!(geometry.size(), [640, 256]);
        assert_eq!(geometry.windows(geometry.plane(500, 1263)).len(), 1);
        let geometry = chosen(View::Scale(1.0), &[(6000, 4000)]);
        assert_eq!(geometry.size(), [512, 512]);
        let plane = geometry.plane(6000, 4000);
        let computed = geometry.windows(plane).len() * 512 * 512;
        assert!(computed as f32 <= 1.25 * 6000.0 * 4000.0, "{computed}");
    }
}
