//! Whether a region of interest fits the training images.

use std::path::Path;

use anoseg_infer::{Extent, Geometry, Preprocess};

use crate::in_parallel::Probed;
use crate::{Error, Result};

/// Fails where the region of `preprocess` does not fit the training images: they must have the shape of
/// the image that it was drawn on, and one size at the network's scale, `extent`, so that it lies in the
/// same place on all of them.
pub(crate) fn require_fit(
    root: &Path,
    preprocess: &Preprocess,
    extent: Extent,
    images: &[Probed],
) -> Result<()> {
    let Some(region) = &preprocess.region else { return Ok(()) };
    let does_not_fit = |what: String| Error::Region { path: root.to_owned(), what };
    let sized = || images.iter().filter_map(|file| Some((&file.path, file.size?)));
    for (width, height) in region.sizes() {
        let other_shape = |size: &(usize, usize)| !Geometry::have_same_shape(*size, (width, height));
        let strangers: Vec<_> = sized().filter(|(_, size)| other_shape(size)).collect();
        let Some((path, (w, h))) = strangers.first() else { continue };
        let what = format!(
            "the region of interest was drawn on an image of {width} x {height} pixels, and {} of {} images have \
             another shape, such as {} ({w} x {h}): draw it on an image of this folder, or leave the others out",
            strangers.len(),
            images.len(),
            path.display()
        );
        return Err(does_not_fit(what));
    }
    if let Some((path, (w, h))) = sized().find(|(_, (w, h))| preprocess.geometry.plane(*w, *h) != extent) {
        let what = format!(
            "{} ({w} x {h}) has another size at the network than most images: with a region of interest all must have \
             one, because it must lie in the same place on each: crop the images to one size, or resample each to \
             a square with --scale square",
            path.display()
        );
        return Err(does_not_fit(what));
    }
    let Extent { width, height } = extent;
    if preprocess.inside(width, height).is_some_and(|inside| !inside.any()) {
        let what = format!(
            "the region of interest is smaller than a pixel of the network, which takes the images as {width} x \
             {height} pixels: make it larger, or the scale"
        );
        return Err(does_not_fit(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anoseg_image::Filter;
    use anoseg_infer::{Drawing, RegionOfInterest};

    use super::*;

    fn refusal(text: &str, sizes: &[(usize, usize)], geometry: Geometry) -> Option<String> {
        let region = RegionOfInterest::inside(Drawing::rectangle(text).unwrap().on((200, 100)));
        let preprocess =
            Preprocess::square(64, Filter::Bilinear).with_geometry(geometry).with_region(Some(region));
        let images: Vec<Probed> =
            sizes.iter().map(|&size| Probed { path: "a.png".into(), size: Some(size) }).collect();
        let extent = geometry.plane(sizes[0].0, sizes[0].1);
        require_fit(Path::new("set"), &preprocess, extent, &images).err().map(|error| error.to_string())
    }

    #[test]
    fn a_region_fits_images_of_its_shape_and_one_size() {
        let whole = Geometry::Whole { width: 64, height: 64 };
        let tiles = Geometry::Tiles { width: 64, height: 64, scale: 0.5, overlap: 16, part: 64, step: 16 };
        let large = "0,0,100,100";
        assert_eq!(refusal(large, &[(200, 100), (400, 200)], whole), None);
        assert_eq!(refusal(large, &[(200, 100), (200, 100)], tiles), None);
        let two_sizes = refusal(large, &[(200, 100), (400, 200)], tiles).unwrap();
        assert!(two_sizes.contains("a.png (400 x 200) has another size"), "{two_sizes}");
        let turned = refusal(large, &[(200, 100), (100, 200)], whole).unwrap();
        assert!(turned.contains("1 of 2 images have another shape"), "{turned}");
        let tiny = refusal("0,0,1,1", &[(200, 100)], whole).unwrap();
        assert!(tiny.contains("smaller than a pixel"), "{tiny}");
    }
}
