//! What makes the result of an inspection doubtful.

use std::fmt;

use anoseg_image::{Image, SampleType, text};
use serde::Serialize;

use crate::{Alignment, Colours, Pose, TrainingImages, ValueScale};

/// Why the result for an image may be worth less than others: the image differs from those that
/// the model was trained on in a way that is no defect, or the decision from what is marked. The decision is not
/// changed by it.
///
/// `Display` gives a sentence without its full stop, [`InspectionWarning::code`] a name that stays
/// the same. Serialised it is an object with `code` and the fields.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum InspectionWarning {
    /// All pixels have the same value: the lens is covered, or nothing was recorded.
    Constant {
        /// The value on the model's scale, 0 = black, 1 = white.
        value: f32,
    },
    /// Pixels are darker than black or brighter than white on the model's value scale. They were
    /// clipped.
    BeyondScale {
        /// Share of the pixels, above 0 and at most 1.
        share: f32,
    },
    /// The training images had samples of other types only, so that the scale of these values is a
    /// guess.
    OtherSampleType {
        /// The image's type.
        #[serde(serialize_with = "name")]
        samples: SampleType,
    },
    /// The aspect ratio is none of the training images'. The image was stretched to the network's
    /// input.
    OtherShape {
        /// The image's width in pixels.
        width: usize,
        /// The image's height in pixels.
        height: usize,
        /// Smallest and largest ratio of width to height among the training images.
        trained: [f32; 2],
    },
    /// The image has less than half, or more than twice, as many pixels a side as the training
    /// images.
    OtherSize {
        /// The image's width in pixels.
        width: usize,
        /// The image's height in pixels.
        height: usize,
        /// Smallest and largest width among the training images, then the same of the height.
        trained: [[usize; 2]; 2],
    },
    /// A colour image; all training images were grey.
    ColourOnGrey,
    /// A grey image; all training images had colours.
    GreyOnColour,
    /// No part or reference patch like that of the training images was found in the image, so that it was inspected in the
    /// usual place.
    NotAligned,
    /// The part lies partly beyond the image's border. There nothing was inspected: the border was
    /// repeated.
    PartCut {
        /// Share of the part that lies beyond the border, above 0.05 and at most 1.
        share: f32,
    },
    /// The score decided that the image is good, and still regions are marked: score and regions have thresholds of
    /// their own. After few good images that of the score is high.
    GoodWithRegions {
        /// Number of regions.
        regions: usize,
    },
}

impl InspectionWarning {
    /// The warning's name, as in the serialised form.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Constant { .. } => "constant",
            Self::BeyondScale { .. } => "beyond_scale",
            Self::OtherSampleType { .. } => "other_sample_type",
            Self::OtherShape { .. } => "other_shape",
            Self::OtherSize { .. } => "other_size",
            Self::ColourOnGrey => "colour_on_grey",
            Self::GreyOnColour => "grey_on_colour",
            Self::NotAligned => "not_aligned",
            Self::PartCut { .. } => "part_cut",
            Self::GoodWithRegions { .. } => "good_with_regions",
        }
    }

    /// What warnings with this [code](InspectionWarning::code) say of several images, such as "grey, in
    /// place of colour"; the code itself if it is none.
    pub fn summary(code: &str) -> &str {
        match code {
            "constant" => "of a single value",
            "beyond_scale" => "with values beyond the model's scale",
            "other_sample_type" => "with samples of another type than the training images",
            "other_shape" => "of another shape than the training images",
            "other_size" => "of another size than the training images",
            "colour_on_grey" => "in colour, unlike the training images",
            "grey_on_colour" => "grey, unlike the training images",
            "not_aligned" => "in which no part or patch was found to align by",
            "part_cut" => "in which the part lies partly beyond the border",
            "good_with_regions" => "good by the score, though regions are marked",
            "further_pages" => "in files with further images, of which only the first was inspected",
            code => code,
        }
    }
}

impl fmt::Display for InspectionWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { value } => {
                let colour = match value {
                    v if *v <= 0.0 => "black".to_owned(),
                    v if *v >= 1.0 => "white".to_owned(),
                    v => format!("at {:.1} % of white", 100.0 * v),
                };
                write!(f, "all pixels have the same value ({colour})")
            }
            Self::BeyondScale { share } => {
                write!(
                    f,
                    "{} of the pixels lie beyond the model's value scale and were clipped",
                    percent(*share)
                )
            }
            Self::OtherSampleType { samples } => write!(
                f,
                "the image has {} values, which none of the training images had: their scale is a guess",
                sample_name(*samples)
            ),
            Self::OtherShape { width, height, trained: [least, most] } => {
                write!(
                    f,
                    "the image is {width} x {height}, width to height {:.3}; the training images: {least:.3}",
                    *width as f32 / *height as f32
                )?;
                if format!("{least:.3}") == format!("{most:.3}") {
                    Ok(())
                } else {
                    write!(f, " to {most:.3}")
                }
            }
            Self::OtherSize { width, height, trained: [[narrow, wide], [low, high]] } => {
                write!(f, "the image is {width} x {height} pixels; the training images: {narrow} x {low}")?;
                if narrow == wide && low == high { Ok(()) } else { write!(f, " to {wide} x {high}") }
            }
            Self::ColourOnGrey => f.write_str("a colour image, and all training images were grey"),
            Self::GreyOnColour => f.write_str("a grey image, and all training images had colours"),
            Self::NotAligned => f.write_str(
                "no part or patch like that of the training images was found to align by; inspected in its \
                 usual place",
            ),
            Self::PartCut { share } => {
                write!(
                    f,
                    "{} of the part or patch that it is aligned by lie beyond the image's border, where nothing is inspected",
                    percent(*share)
                )
            }
            Self::GoodWithRegions { regions } => {
                let regions = text::count(*regions, "region is", "regions are");
                write!(
                    f,
                    "good by its score, though {regions} marked: the threshold of the score may be too high"
                )
            }
        }
    }
}

/// A share in percent with at least one digit that is not 0.
fn percent(share: f32) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p >= 0.95 => format!("{p:.0} %"),
        p if p >= 0.095 => format!("{p:.1} %"),
        p if p >= 0.01 => format!("{p:.2} %"),
        _ => "less than 0.01 %".to_owned(),
    }
}

/// A sample type in words.
pub(crate) fn sample_name(samples: SampleType) -> &'static str {
    match samples {
        SampleType::U8 => "8-bit",
        SampleType::U16 => "16-bit",
        SampleType::F32 => "float",
        _ => "other",
    }
}

fn name<S: serde::Serializer>(samples: &SampleType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(sample_name(*samples))
}

/// Shapes differ when the ratios of width to height differ by this share.
const OTHER_SHAPE: f32 = 0.02;

/// Sizes differ when a side is more than this many times as long, or as short.
const OTHER_SIZE: usize = 2;

/// Parts are said to be cut by the image's border from this share on. The reference has an edge of
/// background around the part, which may lie beyond the border.
const PART_CUT: f32 = 0.05;

/// What the part's pose in an image makes doubtful. `alignment` gave the pose.
pub(crate) fn of_pose(image: &Image, alignment: &Alignment, pose: &Pose) -> Option<InspectionWarning> {
    if !pose.is_found() {
        return Some(InspectionWarning::NotAligned);
    }
    let share = alignment.share_beyond(pose, [image.width(), image.height()]);
    (share > PART_CUT).then_some(InspectionWarning::PartCut { share })
}

/// What makes the result for an image doubtful, on this value scale and after a training on such
/// images.
pub(crate) fn of(
    image: &Image,
    scale: &ValueScale,
    trained: Option<&TrainingImages>,
) -> Vec<InspectionWarning> {
    let mut warnings = Vec::new();
    let constant = constant(image);
    if let Some(value) = constant {
        let value = scale.levels(image.sample_type()).scaled(value);
        warnings.push(InspectionWarning::Constant { value });
    }
    if let Some(trained) = trained {
        warnings.extend(other_than(image, trained, constant.is_some()));
    }
    let share = scale.beyond(image);
    if share > 0.0 {
        warnings.push(InspectionWarning::BeyondScale { share });
    }
    warnings
}

/// How the image differs from the training images. One of a single value is not called grey.
fn other_than(image: &Image, trained: &TrainingImages, constant: bool) -> Vec<InspectionWarning> {
    let (width, height) = (image.width(), image.height());
    let mut warnings = Vec::new();
    let [least, most] = trained.aspects;
    let aspect = width as f32 / height.max(1) as f32;
    let TrainingImages { widths, heights, .. } = *trained;
    let far = |side: usize, [least, most]: [usize; 2]| {
        side.saturating_mul(OTHER_SIZE) < least || side > most.saturating_mul(OTHER_SIZE)
    };
    if aspect < least * (1.0 - OTHER_SHAPE) || aspect > most * (1.0 + OTHER_SHAPE) {
        warnings.push(InspectionWarning::OtherShape { width, height, trained: trained.aspects });
    } else if far(width, widths) || far(height, heights) {
        warnings.push(InspectionWarning::OtherSize { width, height, trained: [widths, heights] });
    }
    match trained.colours {
        Colours::Grey if !image.is_grey() => warnings.push(InspectionWarning::ColourOnGrey),
        Colours::Colour if !constant && image.is_grey() => warnings.push(InspectionWarning::GreyOnColour),
        _ => {}
    }
    let samples = image.sample_type();
    if !trained.samples.contains(&samples) {
        warnings.push(InspectionWarning::OtherSampleType { samples });
    }
    warnings
}

/// The value that all samples have, if they have the same.
fn constant(image: &Image) -> Option<f32> {
    let first = image.rows().next()?.first().copied()?;
    image.rows().all(|row| row.iter().all(|value| *value == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_serialised_form() {
        let all = [
            InspectionWarning::Constant { value: 0.0 },
            InspectionWarning::BeyondScale { share: 0.01 },
            InspectionWarning::OtherSampleType { samples: SampleType::U16 },
            InspectionWarning::OtherShape { width: 2, height: 1, trained: [1.0, 1.0] },
            InspectionWarning::OtherSize { width: 2, height: 1, trained: [[9, 9], [4, 5]] },
            InspectionWarning::ColourOnGrey,
            InspectionWarning::GreyOnColour,
            InspectionWarning::NotAligned,
            InspectionWarning::PartCut { share: 0.2 },
            InspectionWarning::GoodWithRegions { regions: 2 },
        ];
        for warning in all {
            let json = serde_json::to_value(&warning).unwrap();
            assert_eq!(json["code"], warning.code());
            assert!(!warning.to_string().ends_with('.'));
            assert_ne!(InspectionWarning::summary(warning.code()), warning.code(), "it has words");
        }
    }

    fn told(image: &Image, trained: Option<&TrainingImages>) -> Vec<String> {
        of(image, &ValueScale::default(), trained).iter().map(ToString::to_string).collect()
    }

    /// An image of many colours.
    fn colourful(width: usize, height: usize) -> Image {
        Image::from_fn(width, height, |x, y| [0.1 + x as f32 * 1e-3, 0.5, 0.2 + y as f32 * 1e-3])
    }

    fn grey(width: usize, height: usize) -> Image {
        Image::from_fn(width, height, |x, _| [0.1 + x as f32 * 1e-3; 3])
    }

    #[test]
    fn an_image_of_one_value_is_named() {
        assert_eq!(told(&Image::filled(4, 3, [0.0; 3]), None), ["all pixels have the same value (black)"]);
        assert_eq!(told(&Image::filled(4, 3, [1.0; 3]), None), ["all pixels have the same value (white)"]);
        let mut image = Image::filled(4, 3, [0.5; 3]);
        assert_eq!(told(&image, None), ["all pixels have the same value (at 50.0 % of white)"]);
        image.set(1, 1, [0.5, 0.5, 0.51]);
        assert!(told(&image, None).is_empty());
    }

    #[test]
    fn an_image_like_the_training_images_gives_no_warning() {
        let trained = TrainingImages::of(&colourful(160, 120)).and(&TrainingImages::of(&colourful(162, 120)));
        for image in [colourful(160, 120), colourful(161, 119), colourful(320, 240), colourful(80, 60)] {
            assert!(told(&image, Some(&trained)).is_empty(), "{} x {}", image.width(), image.height());
        }
    }

    #[test]
    fn another_shape_or_size_is_named() {
        let trained = TrainingImages::of(&colourful(160, 160));
        assert_eq!(
            told(&colourful(640, 80), Some(&trained)),
            ["the image is 640 x 80, width to height 8.000; the training images: 1.000"]
        );
        assert_eq!(
            told(&colourful(64, 64), Some(&trained)),
            ["the image is 64 x 64 pixels; the training images: 160 x 160"]
        );
        assert_eq!(of(&colourful(330, 330), &ValueScale::default(), Some(&trained)).len(), 1);
    }

    #[test]
    fn grey_and_colour_are_told_apart() {
        let (on_grey, on_colour) = (TrainingImages::of(&grey(9, 9)), TrainingImages::of(&colourful(9, 9)));
        let codes = |image: &Image, trained: &TrainingImages| {
            let warnings = of(image, &ValueScale::default(), Some(trained));
            warnings.iter().map(InspectionWarning::code).collect::<Vec<_>>()
        };
        assert_eq!(codes(&colourful(9, 9), &on_grey), ["colour_on_grey"]);
        assert_eq!(codes(&grey(9, 9), &on_colour), ["grey_on_colour"]);
        assert!(codes(&grey(9, 9), &on_grey).is_empty() && codes(&colourful(9, 9), &on_colour).is_empty());
        let mixed = on_grey.and(&on_colour);
        assert!(codes(&grey(9, 9), &mixed).is_empty() && codes(&colourful(9, 9), &mixed).is_empty());
        assert_eq!(codes(&Image::filled(9, 9, [1.0; 3]), &on_colour), ["constant"], "not grey as well");
    }

    #[test]
    fn samples_of_another_type_and_beyond_the_scale_are_named() {
        let trained = TrainingImages::of(&grey(9, 9));
        let mut image = grey(9, 9).with_sample_type(SampleType::F32);
        image.set(0, 0, [1.8; 3]);
        let codes: Vec<_> = of(&image, &ValueScale::default(), Some(&trained));
        assert_eq!(
            codes.iter().map(InspectionWarning::code).collect::<Vec<_>>(),
            ["other_sample_type", "beyond_scale"]
        );
        assert_eq!(
            codes[1].to_string(),
            "1 % of the pixels lie beyond the model's value scale and were clipped"
        );
    }
}
