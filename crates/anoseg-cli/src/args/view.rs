//! The options that say what the network takes of an image.

use anoseg::{Align, View};

/// What the network takes of an image.
pub(super) fn view(text: &str) -> Result<View, String> {
    match text {
        "auto" => Ok(View::Auto),
        "whole" => Ok(View::Whole),
        "square" => Ok(View::Square),
        number => {
            // NaN is in no range.
            let scale = number.parse().ok().filter(|scale| *scale > 0.0 && *scale <= 1.0);
            let allowed = "give a number above 0 and at most 1, such as 0.5, or auto, whole or square";
            scale.map(View::Scale).ok_or_else(|| allowed.to_owned())
        }
    }
}

/// The side of the smallest defect.
pub(super) fn pixels(text: &str) -> Result<f32, String> {
    let allowed = || "give a number of pixels from 1 to 10000, such as 6".to_owned();
    text.parse().ok().filter(|pixels| (1.0..=10_000.0).contains(pixels)).ok_or_else(allowed)
}

/// The side of a tile. What else it depends on is checked with the other settings.
pub(super) fn tile(text: &str) -> Result<usize, String> {
    let allowed = || "give a multiple of 32 from 64 to 1024, such as 256".to_owned();
    let fits = |side: &usize| (64..=1024).contains(side) && side.is_multiple_of(32);
    text.parse().ok().filter(fits).ok_or_else(allowed)
}

/// Whether images are aligned.
pub(super) fn align(text: &str) -> Result<Align, String> {
    match text {
        "auto" => Ok(Align::Auto),
        "off" => Ok(Align::Off),
        _ => Err("give auto or off".to_owned()),
    }
}

/// A rectangle in whole pixels.
pub(super) fn patch(text: &str) -> Result<[usize; 4], String> {
    let numbers: Vec<usize> = text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let whole = text.split(',').count() == numbers.len();
    let rectangle = <[usize; 4]>::try_from(numbers).ok().filter(|_| whole);
    rectangle.ok_or_else(|| "give LEFT,TOP,WIDTH,HEIGHT in whole pixels, such as 40,30,120,90".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_and_defects_out_of_range_are_refused_with_an_example() {
        for text in ["-1", "0", "NaN", "7", "inf", "1e-99", "half", ""] {
            assert!(view(text).unwrap_err().contains("above 0 and at most 1, such as 0.5"), "{text}");
            assert!(text == "7" || pixels(text).unwrap_err().contains("1 to 10000, such as 6"), "{text}");
        }
        for text in ["0", "-64", "100", "32", "1056", "0.5", "99999999999999999999", ""] {
            assert!(tile(text).unwrap_err().contains("a multiple of 32 from 64 to 1024"), "{text}");
        }
        assert_eq!((tile("64"), tile("1024")), (Ok(64), Ok(1024)));
        assert!(matches!((view("0.5"), view("1"), pixels("6")), (Ok(View::Scale(0.5)), Ok(_), Ok(6.0))));
    }
}
