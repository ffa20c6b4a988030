//! Which part of the image, and at which scale, the network of a training takes.

use anoseg_image::Image;
use anoseg_infer::{Extent, Geometry, SettingError};

use crate::config::{Input, TILES_MULTIPLE, View};

/// Without a wish, the scale gives up to as many pixels, in squares of [`Input::size`].
const MOST_WORK: usize = 4;

/// At this scale whole images are fine enough.
const FINE_ENOUGH: f32 = 0.5;

/// Images this many times as long as wide lose too much in a square. Others lose nothing that was
/// measured, and a network of whole images knows the place of each pixel.
const ELONGATED: f32 = 2.0;

/// Pixels of the network across the smallest defect.
const SMALLEST_AT_NETWORK: f32 = 4.0;

/// A set is of one shape if at least this share of its images has that of the median.
const OF_ONE_SHAPE: f32 = 0.9;

/// Pixels that tiles have in common, as a share of [`Input::size`]: three eighths. With the longest side
/// the network computes less than a quarter more pixels than the image has.
const OVERLAP: [usize; 2] = [3, 8];

/// Images up to so many times as long or wide as the median decide how large tiles are.
const USUAL: f32 = 1.25;

/// Longest side of a tile, in [`Input::size`]. The effect of a tile's border on the map falls to a half
/// every 20 pixels or so; the fewer borders, the less the result depends on where they lie.
const LONGEST: usize = 5;

/// The longer and the shorter side of an image have so many steps at the network or more. Sides are rounded
/// to steps: the shape of a smaller image would not be kept, and it would have next to no places.
const LEAST_STEPS: [f32; 2] = [4.0, 2.0];

/// The geometry for images of these sizes (width, height), for a network of this stride.
pub(crate) fn choose(input: &Input, stride: usize, sizes: &[(usize, usize)]) -> Geometry {
    let square = Geometry::Whole { width: input.size, height: input.size };
    let Some((width, height)) = median(sizes) else { return square };
    let multiple = stride.max(TILES_MULTIPLE);
    match input.view {
        View::Square => square,
        View::Whole => shaped(input.size, multiple, (width, height)),
        View::Scale(scale) => tiles(input, multiple, scale, largest(sizes, (width, height))),
        View::Smallest(pixels) => {
            let scale = (SMALLEST_AT_NETWORK / pixels).min(1.0);
            if scale <= whole_scale(input.size, (width, height)) && of_one_shape(sizes, (width, height)) {
                shaped(input.size, multiple, (width, height))
            } else {
                tiles(input, multiple, scale, largest(sizes, (width, height)))
            }
        }
        View::Auto if !(is_elongated((width, height)) && of_one_shape(sizes, (width, height))) => square,
        View::Auto => {
            let whole = whole_scale(input.size, (width, height));
            if whole >= FINE_ENOUGH {
                shaped(input.size, multiple, (width, height))
            } else {
                let scale = (whole * (MOST_WORK as f32).sqrt()).min(FINE_ENOUGH);
                tiles(input, multiple, scale, largest(sizes, (width, height)))
            }
        }
    }
}

/// Fails where the scale that was asked for leaves next to nothing of images of these sizes, and where the
/// smallest defect is larger than the images.
///
/// # Errors
/// Names the setting and the least that these images need.
pub(crate) fn require_fine_enough(
    input: &Input,
    geometry: &Geometry,
    sizes: &[(usize, usize)],
) -> Result<(), SettingError> {
    let Some(size) = median(sizes) else { return Ok(()) };
    if let View::Smallest(pixels) = input.view
        && pixels > size.0.max(size.1) as f32
    {
        let what = format!(
            "the images have {} x {} pixels, and a defect is no larger: give at most {}",
            size.0,
            size.1,
            size.0.max(size.1)
        );
        return Err(SettingError::new("input.view.smallest", pixels, what));
    }
    let Geometry::Tiles { step, scale, .. } = *geometry else { return Ok(()) };
    let least = least_scale(step, size);
    if scale >= least {
        return Ok(());
    }
    let Extent { width, height } = geometry.plane(size.0, size.1);
    let what = format!(
        "of images of {} x {} pixels the network would take {width} x {height}, too few to show a defect",
        size.0, size.1
    );
    let setting = match input.view {
        View::Scale(scale) => {
            SettingError::new("input.view.scale", scale, format!("{what}: give at least {least}"))
        }
        View::Smallest(pixels) => {
            let most = (SMALLEST_AT_NETWORK / least).floor();
            SettingError::new("input.view.smallest", pixels, format!("{what}: give at most {most}"))
        }
        _ => return Ok(()),
    };
    Err(setting)
}

/// Fails where tiles of a side are asked for and the network takes whole images of these sizes.
///
/// # Errors
/// Names the setting and what would lead to tiles.
pub(crate) fn require_tiles(
    input: &Input,
    geometry: &Geometry,
    sizes: &[(usize, usize)],
) -> Result<(), SettingError> {
    let (Some(tile), Some((width, height)), false) = (input.tile, median(sizes), geometry.is_tiled()) else {
        return Ok(());
    };
    let why = match input.view {
        View::Smallest(pixels) => format!(" for defects of {pixels} pixels"),
        _ => String::new(),
    };
    let allowed = format!(
        "of images of {width} x {height} pixels the network takes the whole{why}, not tiles: leave it out, or give a \
         scale such as 0.5 or a smaller size of the smallest defect"
    );
    Err(SettingError::new("input.tile", tile, allowed))
}

/// The least scale for images of this size, to two digits: the longer side has [`LEAST_STEPS`] steps or
/// more. At most 1.
fn least_scale(step: usize, (width, height): (usize, usize)) -> f32 {
    let [longer, shorter] = [width.max(height), width.min(height)].map(|side| side.max(1) as f32);
    let [more, fewer] = LEAST_STEPS.map(|steps| (steps - 0.5) * step as f32);
    let least = f64::from((more / longer).max(fewer / shorter)).min(1.0);
    let digits = 10f64.powi(1 - least.log10().floor() as i32);
    ((least * digits).ceil() / digits).min(1.0) as f32
}

/// The scale at which a whole image has as many pixels as a square of `size`.
fn whole_scale(size: usize, (width, height): (usize, usize)) -> f32 {
    size as f32 / (width as f32 * height as f32).sqrt()
}

fn is_elongated((width, height): (usize, usize)) -> bool {
    width.max(height) as f32 >= ELONGATED * width.min(height) as f32
}

/// Whether nearly all images have the shape of the median one.
fn of_one_shape(sizes: &[(usize, usize)], (width, height): (usize, usize)) -> bool {
    let usual = width as f32 / height as f32;
    let ratio = |&(width, height): &(usize, usize)| (width as f32 / height as f32 / usual).ln().abs();
    let same = sizes.iter().filter(|size| ratio(size) <= Geometry::SAME_SHAPE.ln()).count();
    same as f32 >= OF_ONE_SHAPE * sizes.len() as f32
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

/// The largest width and height among sizes like the median: tiles of the median's size would not hold images
/// that are a few pixels longer, and two would be needed for each.
fn largest(sizes: &[(usize, usize)], median: (usize, usize)) -> (usize, usize) {
    let most = |usual: usize, sides: &dyn Fn(&(usize, usize)) -> usize| {
        let like = sizes.iter().map(sides).filter(|&side| side as f32 <= USUAL * usual as f32);
        like.max().unwrap_or(usual)
    };
    (most(median.0, &|size| size.0), most(median.1, &|size| size.1))
}

/// Tiles of the side that was asked for, or as few as possible.
fn tiles(input: &Input, step: usize, scale: f32, (width, height): (usize, usize)) -> Geometry {
    let size = input.size;
    let up = |side: usize| side.div_ceil(step).max(1) * step;
    let stepped = |side: usize| ((side as f32 * scale / step as f32).round() as usize).max(1) * step;
    let (width, height) = (stepped(width), stepped(height));
    let overlap = up(size * OVERLAP[0] / OVERLAP[1]);
    if let Some(tile) = input.tile {
        // Down to a multiple of the step: tiles begin at such places, and would otherwise overlap by more.
        let overlap = overlap.min(tile / 2 / step * step);
        return Geometry::Tiles { width: tile, height: tile, scale, overlap, part: tile, step };
    }
    // As few as possible, and then no larger than they must be.
    let side = |len: usize| {
        let count = len.saturating_sub(overlap).div_ceil(LONGEST * size - overlap).max(1);
        up((len + (count - 1) * overlap).div_ceil(count))
    };
    let (width, height) = (side(width), side(height));
    Geometry::Tiles { width, height, scale, overlap: overlap.min(width.min(height) / 2), part: size, step }
}

/// The usual size of training images at the network's scale: that of an image of median size.
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

/// The resampled image as the network takes it in training: on tiles at its own size, otherwise with the
/// size of the network's input, continued by its border where it has another shape.
pub(crate) fn framed(image: Image, geometry: &Geometry) -> Image {
    let [height, width] = geometry.size();
    if geometry.is_tiled() || (image.width(), image.height()) == (width, height) {
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
            assert!((0.6..1.45).contains(&area), "{width} x {height}: {w} x {h}");
            if width < 4 * height && height < 4 * width {
                let shape = w as f32 / h as f32 / (width as f32 / height as f32);
                assert!((0.85..1.18).contains(&shape), "{width} x {height}: {w} x {h}");
            }
        }
        assert_eq!(chosen(View::Whole, &[(900, 900)]), Geometry::Whole { width: 256, height: 256 });
    }

    #[test]
    fn the_smallest_defect_has_four_pixels() {
        let geometry = chosen(View::Smallest(6.0), &[(1600, 875)]);
        assert!(matches!(geometry, Geometry::Tiles { scale, .. } if (scale - 4.0 / 6.0).abs() < 1e-6));
        assert!(matches!(chosen(View::Smallest(2.0), &[(1600, 875)]), Geometry::Tiles { scale: 1.0, .. }));
        let geometry = chosen(View::Smallest(40.0), &[(1600, 875)]);
        assert!(matches!(geometry, Geometry::Fitted { .. }), "{geometry:?}");
    }

    /// An image once became a single step of 32 x 32 pixels.
    #[test]
    fn a_scale_that_leaves_next_to_nothing_is_refused_with_the_least() {
        let refusal = |view: View, size: (usize, usize)| {
            let input = Input { view, ..Input::default() };
            let geometry = choose(&input, 16, &[size]);
            require_fine_enough(&input, &geometry, &[size]).err().map(|error| error.to_string())
        };
        let told = refusal(View::Scale(0.01), (1000, 800)).unwrap();
        assert!(told.contains("input.view.scale = 0.01") && told.ends_with("give at least 0.12"), "{told}");
        assert!(told.contains("of images of 1000 x 800 pixels the network would take 32 x 32"), "{told}");
        assert_eq!(refusal(View::Scale(0.12), (1000, 800)), None);
        for size in [(1000, 800), (190, 75), (96, 96), (2000, 40), (20, 20)] {
            assert_eq!(refusal(View::Scale(least_scale(32, size)), size), None, "{size:?}");
            assert_eq!(refusal(View::Scale(1.0), size), None, "{size:?}");
        }
        let several = [(1000, 800), (800, 1000), (500, 1000)];
        let input = Input { view: View::Smallest(900.0), ..Input::default() };
        let geometry = choose(&input, 16, &several);
        let told = require_fine_enough(&input, &geometry, &several).unwrap_err().to_string();
        assert!(told.contains("input.view.smallest") && told.contains("give at most "), "{told}");
    }

    /// Such a model was once trained, on whole images and without a word.
    #[test]
    fn a_smallest_defect_larger_than_the_images_is_refused() {
        let refusal = |pixels: f32| {
            let input = Input { view: View::Smallest(pixels), ..Input::default() };
            let geometry = choose(&input, 16, &[(300, 200)]);
            require_fine_enough(&input, &geometry, &[(300, 200)]).err().map(|error| error.to_string())
        };
        let told = refusal(301.0).unwrap();
        assert!(told.contains("have 300 x 200 pixels") && told.ends_with("give at most 300"), "{told}");
        assert_eq!(refusal(300.0), None);
    }

    #[test]
    fn shape_and_size_decide_by_themselves() {
        let square = Geometry::Whole { width: 256, height: 256 };
        assert_eq!(chosen(View::Auto, &[(512, 512); 5]), square);
        assert_eq!(chosen(View::Auto, &[(200, 300), (300, 300), (300, 200), (500, 300)]), square);
        assert_eq!(chosen(View::Auto, &[(640, 360)]), square);
        assert!(matches!(chosen(View::Auto, &[(640, 256)]), Geometry::Fitted { .. }));
        let geometry = chosen(View::Auto, &[(500, 1263); 9]);
        assert!(
            matches!(geometry, Geometry::Tiles { scale: 0.5, width: 256, height: 640, .. }),
            "{geometry:?}"
        );
        let geometry = chosen(View::Auto, &[(8000, 3000)]);
        assert!(matches!(geometry, Geometry::Tiles { scale, .. } if scale < 0.11), "{geometry:?}");
        let plane = geometry.plane(8000, 3000);
        assert!(plane.width * plane.height <= 4 * 256 * 256 + 32 * (plane.width + plane.height));
        assert_eq!(chosen(View::Auto, &[]), square);
    }

    /// Images of 1300 pixels once took two tiles where the median had 1248.
    #[test]
    fn images_a_little_longer_than_the_median_take_one_tile() {
        let mut sizes = vec![(500, 1248); 8];
        sizes.extend([(500, 1300), (4000, 9000)]);
        let geometry = chosen(View::Smallest(6.5), &sizes);
        assert!(matches!(geometry, Geometry::Tiles { width: 320, height: 800, .. }), "{geometry:?}");
        assert_eq!(geometry.windows(geometry.plane(500, 1300)).len(), 1);
    }

    #[test]
    fn tiles_have_the_side_that_was_asked_for() {
        for (tile, common) in [(64, 32), (96, 32), (256, 96), (512, 96)] {
            let input = Input { view: View::Scale(1.0), tile: Some(tile), ..Input::default() };
            let geometry = choose(&input, 16, &[(1000, 600)]);
            let expected = Geometry::Tiles {
                width: tile,
                height: tile,
                scale: 1.0,
                overlap: common,
                part: tile,
                step: 32,
            };
            assert_eq!(geometry, expected);
            assert_eq!(geometry.part_size(geometry.plane(1000, 600)), [tile.min(608), tile]);
            assert!(require_tiles(&input, &geometry, &[(1000, 600)]).is_ok());
        }
        for view in [View::Auto, View::Smallest(40.0)] {
            let input = Input { view, tile: Some(128), ..Input::default() };
            let geometry = choose(&input, 16, &[(1000, 600)]);
            let told = require_tiles(&input, &geometry, &[(1000, 600)]).unwrap_err().to_string();
            assert!(told.contains("input.tile = 128: of images of 1000 x 600 pixels"), "{told}");
        }
    }

    #[test]
    fn an_image_that_is_small_enough_is_one_tile() {
        let geometry = chosen(View::Scale(0.5), &[(500, 1263), (500, 1263), (90, 90)]);
        assert_eq!(geometry.size(), [640, 256]);
        assert_eq!(geometry.windows(geometry.plane(500, 1263)).len(), 1);
        let geometry = chosen(View::Scale(1.0), &[(6000, 4000)]);
        let plane = geometry.plane(6000, 4000);
        let [height, width] = geometry.size();
        let computed = geometry.windows(plane).len() * height * width;
        assert!(computed as f32 <= 1.25 * 6000.0 * 4000.0, "{computed}");
    }
}
