//! Parts of training images, where the network works on tiles.

use std::path::PathBuf;
use std::sync::Arc;

use anoseg_image::Image;
use anoseg_infer::{Extent, Geometry, Preprocess, Window};
use anoseg_synth::{Pair, Recipe, SynthError, Synthesizer};

use crate::in_parallel::Probed;
use crate::remark;

/// The least sides of an image at the network's scale that parts are taken of, for images of these extents.
/// A smaller one would have to be continued, and the network would learn what it is continued by as good.
/// Sides of nine in ten images suffice, but half of the usual part is needed.
fn least_extent(geometry: &Geometry, extents: &[Extent]) -> Extent {
    let sorted = |side: &dyn Fn(&Extent) -> usize| {
        let mut sides: Vec<usize> = extents.iter().map(side).collect();
        sides.sort_unstable();
        [10, 2].map(|share| sides.get(sides.len() / share).copied().unwrap_or(1))
    };
    let ([width, usual_width], [height, usual_height]) = (sorted(&|it| it.width), sorted(&|it| it.height));
    let usual = geometry.part_size(Extent { width: usual_width, height: usual_height });
    let [low, narrow] = geometry.part_size(Extent { width, height });
    Extent { width: narrow.max(usual[1] / 2), height: low.max(usual[0] / 2) }
}

/// Which of the images that have these extents are large enough to take parts of; all of them where the
/// network takes whole images.
pub(crate) fn large_enough(geometry: &Geometry, extents: &[Extent]) -> Vec<bool> {
    let least = least_extent(geometry, extents);
    let fits = |extent: &Extent| extent.width >= least.width && extent.height >= least.height;
    extents.iter().map(|extent| !geometry.is_tiled() || fits(extent)).collect()
}

/// Height and width of the parts that the network takes of these images in training: the same of all, and
/// no larger than any of them. Without tiles the size of the first image.
pub(crate) fn part_size(geometry: &Geometry, images: &[Image]) -> [usize; 2] {
    let sizes = images.iter().map(|image| geometry.part_size(Extent::of(image)));
    let smaller = |a: [usize; 2], b: [usize; 2]| [a[0].min(b[0]), a[1].min(b[1])];
    sizes.reduce(smaller).unwrap_or([16; 2])
}

/// Parts of this height and width that cover an image of this extent: what the network takes of it in
/// training. Without tiles the whole image.
pub(crate) fn views(geometry: &Geometry, [height, width]: [usize; 2], plane: Extent) -> Vec<Window> {
    match *geometry {
        Geometry::Tiles { scale, part, step, .. } => {
            Geometry::Tiles { width, height, scale, overlap: 0, part, step }.windows(plane)
        }
        _ => vec![Window { x: 0, y: 0, plane }],
    }
}

/// The synthesizer for a network of this geometry: with pairs that are parts of the images where it works
/// on tiles.
///
/// # Errors
/// As [`Synthesizer::new`].
pub fn synthesizer(
    images: Arc<Vec<Image>>,
    recipe: Recipe,
    seed: u64,
    geometry: &Geometry,
) -> Result<Synthesizer, SynthError> {
    if !geometry.is_tiled() {
        return Synthesizer::new(images, recipe, seed);
    }
    let [height, width] = part_size(geometry, &images);
    Synthesizer::of_parts(images, recipe, seed, (width, height))
}

/// The window of the training image that a pair is.
pub fn window_of(pair: &Pair) -> Window {
    let (width, height) = pair.whole;
    Window { x: pair.origin.0, y: pair.origin.1, plane: Extent { width, height } }
}

/// The prepared images without those that are too small to take parts of.
pub fn without_small(images: &Arc<Vec<Image>>, geometry: &Geometry) -> Arc<Vec<Image>> {
    let extents: Vec<Extent> = images.iter().map(Extent::of).collect();
    let large = large_enough(geometry, &extents);
    if large.iter().all(|large| *large) {
        return Arc::clone(images);
    }
    let kept = images.iter().zip(large).filter(|(_, large)| *large);
    Arc::new(kept.map(|(image, _)| image.clone()).collect())
}

/// The files whose images are large enough to take parts of, where the network works on tiles.
pub(crate) fn without_small_files(
    files: Vec<Probed>,
    preprocess: &Preprocess,
    warnings: &mut Vec<String>,
) -> Vec<Probed> {
    // In the part's frame all images have one size.
    if preprocess.alignment.is_some() {
        return files;
    }
    let sized: Vec<(usize, Extent)> = (0..)
        .zip(&files)
        .filter_map(|(i, file)| file.size.map(|(w, h)| (i, preprocess.geometry.plane(w, h))))
        .collect();
    let extents: Vec<Extent> = sized.iter().map(|(_, extent)| *extent).collect();
    let large = large_enough(&preprocess.geometry, &extents);
    let small: Vec<usize> =
        sized.iter().zip(large).filter(|(_, large)| !large).map(|((i, _), _)| *i).collect();
    if small.is_empty() {
        return files;
    }
    let names: Vec<PathBuf> = small.iter().map(|&i| files[i].path.clone()).collect();
    warnings.push(format!(
        "{} of {} images are left out, because they are smaller than the parts that the network takes of the \
         others: {}",
        small.len(),
        files.len(),
        remark::names(&names)
    ));
    files.into_iter().enumerate().filter(|(i, _)| !small.contains(i)).map(|(_, file)| file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images below the median size were once continued by their border, which the network learned as good.
    #[test]
    fn parts_lie_inside_every_image_and_tiny_images_are_left_out() {
        let geometry =
            Geometry::Tiles { width: 256, height: 256, scale: 1.0, overlap: 96, part: 256, step: 32 };
        let extents = |sides: &[(usize, usize)]| -> Vec<Extent> {
            sides.iter().map(|&(width, height)| Extent { width, height }).collect()
        };
        let sides = [[(512, 512); 8].as_slice(), &[(160, 512), (320, 288), (32, 512)]].concat();
        let large = large_enough(&geometry, &extents(&sides));
        assert!(large[..10].iter().all(|&large| large) && !large[10], "{large:?}");
        let image =
            |&(w, h): &(usize, usize)| Image::from_fn(w, h, |x, y| [x as f32 / 600.0, y as f32 / 600.0, 0.5]);
        let images = Arc::new(sides[..10].iter().map(image).collect::<Vec<_>>());
        assert_eq!(part_size(&geometry, &images), [256, 160]);
        for image in images.iter() {
            let plane = Extent::of(image);
            for Window { x, y, .. } in views(&geometry, [256, 160], plane) {
                assert!(
                    x >= 0 && y >= 0 && x as usize + 160 <= plane.width && y as usize + 256 <= plane.height
                );
            }
        }
        let synthesizer = synthesizer(Arc::clone(&images), Recipe::default(), 0, &geometry).unwrap();
        for step in 0..40 {
            let pair = synthesizer.pair(step, 0);
            let ((left, top), (width, height)) = (pair.origin, pair.whole);
            assert!(left >= 0 && top >= 0, "{:?}", pair.origin);
            assert!(left as usize + 160 <= width && top as usize + 256 <= height, "{:?}", pair.origin);
        }
        let landscape_and_portrait = extents(&[(200, 100), (100, 200)]);
        assert_eq!(large_enough(&geometry, &landscape_and_portrait), [true; 2]);
        assert_eq!(large_enough(&geometry, &extents(&[(64, 64); 3])), [true; 3]);
    }
}
