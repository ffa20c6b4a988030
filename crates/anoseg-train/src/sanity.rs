//! Whether a set of good images is fit to train on, told by the images alone.
//!
//! | remark | rule |
//! |---|---|
//! | copies | equal pixels at the network's size, and equal sizes |
//! | near copies | see [`crate::copies`] |
//! | one value | all pixels of the image have the same value |
//! | low contrast | the values of all images at the network's size lie within 8 % of the scale |
//! | nearly black | the brightest pixel at the network's size is below 6 % of white |
//! | far from the others | see [`far_from_the_others`] |
//! | other shape | width to height differs by more than 5 % from the set's median |
//! | other size | a side is more than twice, or less than half, the set's median |
//! | grey with colour | some images have three equal planes and some do not |
//! | far values | see [`crate::scale`] |
//! | types of samples | files of 8 bits, 16 bits or floats in one set |

use std::fmt;
use std::path::PathBuf;

use anoseg_image::dataset::display_name;
use anoseg_image::text::count;
use anoseg_image::{Image, SampleType};
use anoseg_infer::{Colours, TrainingImages};

use crate::copies::{self, Thumbnail};
use crate::scale::FarValues;

/// Below this brightness an image is nearly black.
const NEARLY_BLACK: f32 = 0.06;

/// Sets of images whose values all lie this close together have a low contrast.
const LOW_CONTRAST: f32 = 0.08;

/// Pixels of an image of one value differ by less than this; resampling rounds.
const ONE_VALUE: f32 = 1e-5;

/// Shapes differ when the ratio of width to height differs by this factor.
const OTHER_SHAPE: f32 = 1.05;

/// Sizes differ when a side differs by more than this factor.
const OTHER_SIZE: f32 = 2.0;

/// In smaller sets no image is said to be far from the others.
const FEWEST_TO_COMPARE: usize = 5;

/// Added to means and deviations before they are compared as ratios, so that noise in the dark is
/// no difference.
const DARK: f32 = 0.02;

/// Files named in a remark.
const NAMED: usize = 3;

/// Digest of an image's pixels at the network's size, and its own width and height.
pub(crate) type Identity = (blake3::Hash, [usize; 2]);

/// Digest of the pixels of a resampled image.
pub(crate) fn digest(resampled: &Image) -> blake3::Hash {
    blake3::hash(bytemuck::cast_slice(resampled.as_slice()))
}

/// What is known of one good image.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its file, below the dataset's folder.
    pub(crate) name: PathBuf,
    /// Size, shape, colours and type.
    pub(crate) traits: TrainingImages,
    /// Digest of the pixels at the network's size, before they are scaled.
    pub(crate) pixels: blake3::Hash,
    /// Mean of the red, green and blue plane, and the deviation of all values.
    levels: [f32; 4],
    /// Smallest and largest value at the network's size.
    range: [f32; 2],
    /// To be compared with other images.
    pub(crate) thumbnail: Thumbnail,
}

impl Seen {
    /// `scaled` is the network's input of the image.
    pub(crate) fn new(name: PathBuf, traits: TrainingImages, pixels: blake3::Hash, scaled: &Image) -> Self {
        let values = scaled.as_slice();
        let mean = |values: &[f32]| {
            (values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len().max(1) as f64) as f32
        };
        let [red, green, blue] = [0, 1, 2].map(|c| mean(scaled.plane(c)));
        let all = f64::from(mean(values));
        let squares: f64 = values.iter().map(|&v| (f64::from(v) - all).powi(2)).sum();
        let deviation = (squares / values.len().max(1) as f64).sqrt() as f32;
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (levels, range) = ([red, green, blue, deviation], [least, most]);
        Self { name, traits, pixels, levels, range, thumbnail: Thumbnail::of(scaled) }
    }

    /// Equal for images that are the same.
    pub(crate) fn identity(&self) -> Identity {
        (self.pixels, [self.traits.widths[0], self.traits.heights[0]])
    }

    fn has_one_value(&self) -> bool {
        self.range[1] - self.range[0] < ONE_VALUE
    }
}

/// A remark on a set of good images, for the user. `Display` gives a sentence without its full
/// stop.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Remark {
    /// Images that are the same as an earlier one. Each is given with that one.
    Copies {
        /// The copy, and the image that it is a copy of.
        copies: Vec<(PathBuf, PathBuf)>,
        /// Images in the set.
        of: usize,
    },
    /// Images that are nearly the same as an earlier one. Each is given with that one.
    NearCopies {
        /// The copy, and the image that it is a copy of.
        copies: Vec<(PathBuf, PathBuf)>,
        /// Images in the set.
        of: usize,
    },
    /// Images of one value.
    OneValue {
        /// The images.
        images: Vec<PathBuf>,
    },
    /// Images that are nearly black.
    NearlyBlack {
        /// The images.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Images much darker, brighter, of another colour or of another contrast than the others.
    FarFromTheOthers {
        /// The images.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Images of another shape than most.
    OtherShape {
        /// The images.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Images of many shapes, with none that most have.
    ManyShapes {
        /// Images in the set.
        of: usize,
    },
    /// Images far smaller or larger than most.
    OtherSize {
        /// The images.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Grey images among colour ones, or the other way round.
    GreyWithColour {
        /// Whether those named are grey.
        grey: bool,
        /// The fewer.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Values that lie far beyond all others, which the value scale does not hold.
    FarValues {
        /// How many, and an example.
        values: FarValues,
    },
    /// All images together use a small part of the value scale only.
    LowContrast {
        /// Darkest and brightest value at the network's size, as shares of the scale.
        range: [f32; 2],
    },
    /// Files with samples of several types.
    SampleTypes {
        /// How many of 8 bits, of more bits, and of floats.
        counts: [usize; 3],
    },
}

impl Remark {
    /// Whether it only tells how the set is, and names no image to look at.
    pub fn is_note(&self) -> bool {
        matches!(
            self,
            Self::ManyShapes { .. }
                | Self::NearCopies { .. }
                | Self::FarValues { .. }
                | Self::LowContrast { .. }
        )
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copies { copies, of } => {
                let (first, named) = (first_of(copies), copy_names(copies));
                let are = of_images(copies.len(), *of, "is a copy", "are copies");
                write!(f, "{are} of another: {named} (the same as {first}); give different images")
            }
            Self::NearCopies { copies, of } => {
                let (first, named) = (first_of(copies), copy_names(copies));
                let are = of_images(copies.len(), *of, "is", "are");
                write!(
                    f,
                    "{are} nearly the same as another: {named} (as {first}); if one was stored twice, give images of \
                     different parts"
                )
            }
            Self::OneValue { images } => {
                write!(f, "images of a single value, as a covered lens gives: {}", names(images))
            }
            Self::NearlyBlack { images, of } => {
                let are = of_images(images.len(), *of, "is", "are");
                write!(f, "{are} nearly black: {}", names(images))
            }
            Self::FarFromTheOthers { images, of } => write!(
                f,
                "{} much darker, brighter or of another colour or contrast than the others: {}; if they show the \
                 same part under the same light, look for the reason, otherwise train on each kind by itself",
                of_images(images.len(), *of, "is", "are"),
                names(images)
            ),
            Self::OtherShape { images, of } => write!(
                f,
                "{} stretched differently: {}",
                of_images(
                    images.len(),
                    *of,
                    "has another shape than the others, and is",
                    "have another shape than the others, and are"
                ),
                names(images)
            ),
            Self::ManyShapes { of } => write!(
                f,
                "the {of} images have many shapes; each is resampled to the same square, so that the same part \
                 looks different in each"
            ),
            Self::OtherSize { images, of } => {
                let are = of_images(images.len(), *of, "is", "are");
                write!(f, "{are} far smaller or larger than the others: {}", names(images))
            }
            Self::GreyWithColour { grey, images, of } => {
                let kind = if *grey { "grey, the others in colour" } else { "in colour, the others grey" };
                write!(f, "{} {kind}: {}", of_images(images.len(), *of, "is", "are"), names(images))
            }
            Self::FarValues { values: FarValues { count, example } } => write!(
                f,
                "{count} values lie far beyond all others, such as {example}: they do not count for the value \
                 scale and are clipped to it"
            ),
            Self::LowContrast { range: [least, most] } => write!(
                f,
                "all images lie between {:.1} % and {:.1} % of the value scale: faint defects may not be told; \
                 a longer exposure or a wider range of values helps",
                100.0 * least,
                100.0 * most
            ),
            Self::SampleTypes { counts: [bytes, words, floats] } => {
                let kinds = [(bytes, "8 bits"), (words, "16 bits"), (floats, "floats")];
                let kinds = kinds.into_iter().filter(|(count, _)| **count > 0);
                let kinds: Vec<String> = kinds.map(|(count, kind)| format!("{count} of {kind}")).collect();
                write!(
                    f,
                    "the images have different types of values ({}), each read on a scale of its own",
                    kinds.join(", ")
                )
            }
        }
    }
}

/// `1 of 24 images is`, `2 of 24 images are`.
fn of_images(number: usize, of: usize, one: &str, many: &str) -> String {
    count(number, &format!("of {of} images {one}"), &format!("of {of} images {many}"))
}

fn copy_names(copies: &[(PathBuf, PathBuf)]) -> String {
    let named: Vec<PathBuf> = copies.iter().map(|(copy, _)| copy.clone()).collect();
    names(&named)
}

fn first_of(copies: &[(PathBuf, PathBuf)]) -> String {
    copies.first().map(|(_, first)| display_name(first)).unwrap_or_default()
}

/// The first few files, and how many more there are.
pub(crate) fn names(images: &[PathBuf]) -> String {
    let first: Vec<String> = images.iter().take(NAMED).map(|path| display_name(path)).collect();
    let more = images.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
}

/// Remarks on these images.
pub(crate) fn remarks(seen: &[Seen]) -> Vec<Remark> {
    let of = seen.len();
    let chosen = |which: &dyn Fn(&Seen) -> bool| -> Vec<PathBuf> {
        seen.iter().filter(|seen| which(seen)).map(|seen| seen.name.clone()).collect()
    };
    let mut remarks = Vec::new();
    let exact = copies::exact(seen);
    if !exact.is_empty() {
        remarks.push(Remark::Copies { copies: exact, of });
    }
    let near = copies::near(seen);
    if !near.is_empty() {
        remarks.push(Remark::NearCopies { copies: near, of });
    }
    let images = chosen(&Seen::has_one_value);
    if !images.is_empty() {
        remarks.push(Remark::OneValue { images });
    }
    let black = |seen: &Seen| !seen.has_one_value() && seen.range[1] < NEARLY_BLACK;
    let images = chosen(&black);
    if !images.is_empty() {
        remarks.push(Remark::NearlyBlack { images, of });
    }
    let compared: Vec<&Seen> = seen.iter().filter(|seen| !seen.has_one_value() && !black(seen)).collect();
    let images: Vec<PathBuf> =
        far_from_the_others(&compared).into_iter().map(|i| compared[i].name.clone()).collect();
    if !images.is_empty() {
        remarks.push(Remark::FarFromTheOthers { images, of });
    }
    remarks.extend(low_contrast(seen));
    remarks.extend(shapes(seen));
    remarks.extend(colours(seen));
    let of_type = |samples: &[SampleType]| chosen(&|seen| samples.contains(&seen.traits.samples[0])).len();
    let counts = [&[SampleType::U8][..], &[SampleType::U16], &[SampleType::F32]].map(of_type);
    if counts.iter().filter(|&&count| count > 0).count() > 1 {
        remarks.push(Remark::SampleTypes { counts });
    }
    remarks
}

/// A remark if all images together use a small part of the value scale.
fn low_contrast(seen: &[Seen]) -> Option<Remark> {
    let least = seen.iter().map(|seen| seen.range[0]).fold(f32::INFINITY, f32::min);
    let most = seen.iter().map(|seen| seen.range[1]).fold(f32::NEG_INFINITY, f32::max);
    let one_value = seen.iter().all(Seen::has_one_value);
    (!one_value && most - least < LOW_CONTRAST).then_some(Remark::LowContrast { range: [least, most] })
}

/// How many images differ from each other.
pub(crate) fn distinct(seen: &[Seen]) -> usize {
    seen.len() - copies::exact(seen).len()
}

fn shapes(seen: &[Seen]) -> Vec<Remark> {
    let of = seen.len();
    let [width, height, aspect] = [
        median(seen.iter().map(|seen| seen.traits.widths[0] as f32)),
        median(seen.iter().map(|seen| seen.traits.heights[0] as f32)),
        median(seen.iter().map(|seen| seen.traits.aspects[0])),
    ];
    let differs = |value: f32, usual: f32, factor: f32| value > usual * factor || value * factor < usual;
    let other_shape = |seen: &Seen| differs(seen.traits.aspects[0], aspect, OTHER_SHAPE);
    let other_size = |seen: &Seen| {
        let [w, h] = [seen.traits.widths[0] as f32, seen.traits.heights[0] as f32];
        !other_shape(seen) && (differs(w, width, OTHER_SIZE) || differs(h, height, OTHER_SIZE))
    };
    let chosen = |which: &dyn Fn(&Seen) -> bool| -> Vec<PathBuf> {
        seen.iter().filter(|seen| which(seen)).map(|seen| seen.name.clone()).collect()
    };
    let (shapes, sizes) = (chosen(&other_shape), chosen(&other_size));
    let shapes = match shapes.len() {
        0 => None,
        many if 2 * many > of => Some(Remark::ManyShapes { of }),
        _ => Some(Remark::OtherShape { images: shapes, of }),
    };
    let sizes = (!sizes.is_empty()).then_some(Remark::OtherSize { images: sizes, of });
    shapes.into_iter().chain(sizes).collect()
}

/// A remark if some images are grey and some are not. Images of one value are neither.
fn colours(seen: &[Seen]) -> Option<Remark> {
    let of = |colours: Colours| -> Vec<PathBuf> {
        let images = seen.iter().filter(|seen| seen.traits.colours == colours && !seen.has_one_value());
        images.map(|seen| seen.name.clone()).collect()
    };
    let (greys, coloured) = (of(Colours::Grey), of(Colours::Colour));
    if greys.is_empty() || coloured.is_empty() {
        return None;
    }
    let grey = greys.len() <= coloured.len();
    Some(Remark::GreyWithColour { grey, images: if grey { greys } else { coloured }, of: seen.len() })
}

/// The numbers of the images whose brightness, colour or contrast is far from that of the others.
///
/// Compared are the logarithms of the mean of each plane and of the deviation of all values. In the
/// order of one of them, the images are parted at a gap that is either a factor of 3, or a factor
/// of 1.25 and twice as wide as the range of the larger part. The smaller part is named; of equal
/// parts the lower one. This also finds two populations of equal size, which a comparison with the
/// median and the median deviation does not.
fn far_from_the_others(seen: &[&Seen]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..seen.len()).collect();
    while left.len() >= FEWEST_TO_COMPARE {
        let found = (0..4).find_map(|level| {
            parted(left.iter().map(|&i| (i, (seen[i].levels[level] + DARK).ln())).collect())
        });
        let Some(apart) = found else { break };
        left.retain(|i| !apart.contains(i));
    }
    let far: Vec<usize> = (0..seen.len()).filter(|i| !left.contains(i)).collect();
    // Where most images were parted from each other, no one is a stranger.
    if far.len() * 2 > seen.len() { Vec::new() } else { far }
}

/// The smaller part, if there is a wide gap.
fn parted(mut values: Vec<(usize, f32)>) -> Option<Vec<usize>> {
    let (narrow, wide) = (1.25f32.ln(), 3f32.ln());
    values.sort_by(|a, b| a.1.total_cmp(&b.1));
    let n = values.len();
    let gap = |i: usize| values[i].1 - values[i - 1].1;
    let widest = (1..n).max_by(|&a, &b| gap(a).total_cmp(&gap(b)))?;
    let (low, high) = values.split_at(widest);
    let (smaller, larger) = if low.len() <= high.len() { (low, high) } else { (high, low) };
    let range = larger[larger.len() - 1].1 - larger[0].1;
    let far = gap(widest) >= wide || gap(widest) >= narrow.max(2.0 * range);
    far.then(|| smaller.iter().map(|(i, _)| *i).collect())
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image like others of a set: a gradient with a slightly different offset.
    fn part(number: usize) -> Image {
        let offset = 0.01 * (number % 7) as f32;
        Image::from_fn(24, 24, |x, y| {
            let mark = if (x + y) % 20 == number { 0.1 } else { 0.0 };
            [0.3 + offset + x as f32 * 0.01, 0.4 + y as f32 * 0.01 + mark, 0.2 + number as f32 * 1e-4]
        })
    }

    fn seen(images: Vec<Image>) -> Vec<Seen> {
        let see = |(i, image): (usize, Image)| {
            let digest = digest(&image);
            Seen::new(format!("{i:02}.png").into(), TrainingImages::of(&image), digest, &image)
        };
        images.into_iter().enumerate().map(see).collect()
    }

    fn told(images: Vec<Image>) -> Vec<String> {
        remarks(&seen(images)).iter().map(ToString::to_string).collect()
    }

    fn darker(image: &Image, factor: f32) -> Image {
        let mut image = image.clone();
        image.as_mut_slice().iter_mut().for_each(|value| *value *= factor);
        image
    }

    fn set(change: impl Fn(usize, Image) -> Image) -> Vec<Image> {
        (0..20).map(|i| change(i, part(i))).collect()
    }

    #[test]
    fn an_ordinary_set_gives_no_remark() {
        assert!(told(set(|_, image| image)).is_empty());
        assert!(told((0..2).map(part).collect()).is_empty());
    }

    #[test]
    fn copies_are_named() {
        let images = set(|i, image| if i % 5 == 4 { part(0) } else { image });
        let found = told(images.clone());
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("4 of 20 images are copies of another: 04.png, 09.png, 14.png and 1 more")
        );
        assert!(found[0].contains("the same as 00.png"));
        assert_eq!(distinct(&seen(images)), 16);
    }

    /// Images that were stored anew as JPEG once passed as different ones.
    #[test]
    fn images_stored_anew_are_named() {
        let with_noise = |image: &Image| {
            let noise = |x: usize, y: usize| ((x * 7 + y * 13) % 5) as f32 * 0.002 - 0.004;
            Image::from_fn(24, 24, |x, y| image.get(x, y).map(|value| value + noise(x, y)))
        };
        let found = told(set(|i, image| if i >= 18 { with_noise(&part(i - 18)) } else { image }));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("2 of 20 images are nearly the same as another"), "{found:?}");
        assert!(found[0].contains("18.png, 19.png (as 00.png)"), "{found:?}");
    }

    #[test]
    fn images_of_a_plain_surface_are_no_copies() {
        let plain = |number: usize| {
            let noise =
                move |x: usize, y: usize| ((x * 31 + y * 17 + number * 7 * (x + 1)) % 97) as f32 * 1e-4;
            Image::from_fn(24, 24, |x, y| [0.5 + noise(x, y); 3])
        };
        let found = told((0..20).map(plain).collect());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("all images lie between 50.0 % and 5"), "{found:?}");
    }

    #[test]
    fn images_of_one_value_and_nearly_black_ones_are_named() {
        let found = told(set(|i, image| match i {
            3 => Image::filled(24, 24, [0.0; 3]),
            4 => Image::filled(24, 24, [1.0; 3]),
            5 => darker(&image, 0.05),
            _ => image,
        }));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("single value") && found[0].ends_with("03.png, 04.png"));
        assert_eq!(found[1], "1 of 20 images is nearly black: 05.png");
    }

    #[test]
    fn two_populations_are_told_apart() {
        for factor in [0.7, 0.5, 0.25] {
            let found = told(set(|i, image| if i % 2 == 1 { darker(&image, factor) } else { image }));
            assert_eq!(found.len(), 1, "{factor}: {found:?}");
            assert!(found[0].starts_with("10 of 20 images are much darker"), "{found:?}");
            assert!(found[0].contains("01.png, 03.png, 05.png and 7 more"), "{found:?}");
        }
    }

    #[test]
    fn single_strangers_of_different_kinds_are_named() {
        let found = told(set(|i, image| match i {
            6 => darker(&image, 0.3),
            7 => darker(&image, 1.9),
            8 => Image::from_fn(24, 24, |x, y| image.get(x, y)).with_red_and_blue_swapped(),
            _ => image,
        }));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("06.png, 07.png, 08.png;"), "{found:?}");
    }

    trait Swapped {
        fn with_red_and_blue_swapped(self) -> Self;
    }

    impl Swapped for Image {
        fn with_red_and_blue_swapped(self) -> Self {
            Image::from_fn(self.width(), self.height(), |x, y| {
                let [r, g, b] = self.get(x, y);
                [b, g, r]
            })
        }
    }

    /// Of a set of many shapes, most images were once said to have "another shape than the others".
    #[test]
    fn a_set_of_many_shapes_names_no_image() {
        let images = (0..20).map(|i| {
            let part = part(i);
            anoseg_image::resample::resize(&part, 32 + 5 * i, 64, anoseg_image::Filter::Bilinear)
        });
        let seen = seen(images.collect());
        let remarks = remarks(&seen);
        assert!(remarks.iter().any(|remark| remark.is_note()), "{remarks:?}");
        assert!(!remarks.iter().any(|remark| matches!(remark, Remark::OtherShape { .. })), "{remarks:?}");
    }

    #[test]
    fn other_shapes_sizes_colours_and_types_are_named() {
        let grey = |image: &Image| Image::from_fn(24, 24, |x, y| [image.get(x, y)[1]; 3]);
        let found = told(set(|i, image| match i {
            1 => Image::from_fn(24, 12, |x, y| image.get(x, y)),
            2 => Image::from_fn(72, 72, |x, y| image.get(x / 3, y / 3)),
            3 => image.with_sample_type(SampleType::U16),
            _ => image,
        }));
        assert_eq!(
            found,
            [
                "1 of 20 images has another shape than the others, and is stretched differently: 01.png",
                "1 of 20 images is far smaller or larger than the others: 02.png",
                "the images have different types of values (19 of 8 bits, 1 of 16 bits), each read on a scale of its \
             own",
            ]
        );
        let found = told(set(|i, image| if i < 4 { grey(&image) } else { image }));
        let expected = "4 of 20 images are grey, the others in colour: 00.png, 01.png, 02.png and 1 more";
        assert!(found.contains(&expected.to_owned()), "{found:?}");
    }
}
