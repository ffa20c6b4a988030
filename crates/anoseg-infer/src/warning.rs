//! What makes the result of an inspection doubtful.

use std::fmt;

use anoseg_image::{Image, SampleType};
use serde::Serialize;

/// Why the result for an image may be worth less than others: the image differs from those that
/// the model was trained on in a way that is no defect. The decision is not changed by it.
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

/// The warnings that the image itself gives rise to.
pub(crate) fn of_image(image: &Image) -> Vec<InspectionWarning> {
    let mut values = image.as_slice().iter();
    let Some(&value) = values.next() else { return Vec::new() };
    if values.all(|other| *other == value) { vec![InspectionWarning::Constant { value }] } else { Vec::new() }
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
        ];
        for warning in all {
            let json = serde_json::to_value(&warning).unwrap();
            assert_eq!(json["code"], warning.code());
            assert!(!warning.to_string().ends_with('.'));
        }
    }

    #[test]
    fn an_image_of_one_value_is_named() {
        let of = |image: &Image| of_image(image).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of(&Image::filled(4, 3, [0.0; 3])), ["all pixels have the same value (black)"]);
        assert_eq!(of(&Image::filled(4, 3, [1.0; 3])), ["all pixels have the same value (white)"]);
        let mut image = Image::filled(4, 3, [0.5; 3]);
        assert_eq!(of(&image), ["all pixels have the same value (at 50.0 % of white)"]);
        image.set(1, 1, [0.5, 0.5, 0.51]);
        assert!(of(&image).is_empty());
    }
}
