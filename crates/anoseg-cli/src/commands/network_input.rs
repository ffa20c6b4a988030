//! What the network takes of the images, in words.

use anoseg::{Extent, Geometry, View};
use anoseg_report::format::with_digits;

/// The pixels of the network of an image of 256 x 256, by which work is counted.
const UNIT: f64 = 256.0 * 256.0;

/// From so many times the work of an image of 256 x 256 on the cost is said to be high.
const MUCH_WORK: f64 = 64.0;

/// A defect has so many pixels of the network across, where its size decides the scale.
const AT_NETWORK: f32 = 4.0;

/// What the network takes of images of these sizes, the smallest and the largest, and what that costs.
pub(super) fn told(geometry: &Geometry, sizes: [(usize, usize); 2]) -> String {
    let planes = sizes.map(|(width, height)| geometry.plane(width, height));
    let [height, width] = geometry.size();
    let share = resolution(sizes, planes);
    let taken = match geometry {
        Geometry::Whole { .. } => {
            let finer = (0..2).any(|i| planes[i].width < sizes[i].0 || planes[i].height < sizes[i].1);
            let hint = if finer { " (--smallest-defect N keeps small defects visible)" } else { "" };
            return format!(
                "the network takes whole images as a square of {width} x {height}, {share} of their resolution{hint}"
            );
        }
        Geometry::Tiles { .. } => {
            let tiles = planes.map(|plane| geometry.windows(plane).len());
            format!(
                "the network takes images at {share} of their resolution, {}{}",
                from_to(planes.map(|Extent { width, height }| format!("{width} x {height}")), "pixels"),
                if tiles[1] > 1 { format!(", in {}", from_to(tiles, "tiles")) } else { String::new() }
            )
        }
        _ => format!(
            "the network takes whole images of {width} x {height} pixels, {share} of their resolution"
        ),
    };
    let work = planes.map(|plane| with_digits(work(geometry, plane), 1));
    format!("{taken}: {} the work of one of 256 x 256", from_to(work, "times"))
}

/// What to consider before images of these sizes, the smallest and the largest, are trained on in this view.
pub(super) fn remarks(view: View, geometry: &Geometry, sizes: [(usize, usize); 2]) -> Vec<String> {
    let mut remarks = Vec::new();
    if let View::Smallest(pixels) = view
        && pixels < AT_NETWORK
    {
        remarks.push(format!(
            "a defect of {pixels} pixels has no more than that at the network, which works at the full resolution: \
             those of fewer than {AT_NETWORK} are hard to tell from noise"
        ));
    }
    let (width, height) = sizes[1];
    let work = work(geometry, geometry.plane(width, height));
    if work < MUCH_WORK {
        return remarks;
    }
    let quarter = match (view, geometry) {
        (View::Smallest(pixels), _) => {
            format!("--smallest-defect {} takes a quarter of it", 2.0 * pixels.max(AT_NETWORK))
        }
        (View::Scale(scale), _) => format!("--scale {} takes a quarter of it", scale / 2.0),
        _ => return remarks,
    };
    remarks.push(format!(
        "an image of {width} x {height} pixels takes {} times the work of one of 256 x 256 in use, and so does each of \
         those that the thresholds are derived from: {quarter}",
        with_digits(work, 1)
    ));
    remarks
}

/// The work of an image of this plane, in images of 256 x 256.
fn work(geometry: &Geometry, plane: Extent) -> f64 {
    let tiles = geometry.windows(plane).len();
    (tiles * geometry.window_size(plane).iter().product::<usize>()) as f64 / UNIT
}

/// `3 tiles`, `3 to 5 tiles`.
fn from_to<T: PartialEq + std::fmt::Display>([least, most]: [T; 2], unit: &str) -> String {
    if least == most { format!("{most} {unit}") } else { format!("{least} to {most} {unit}") }
}

/// The share of the resolution of images that is left at the network, across and down. It differs from the
/// setting, because the sides are rounded.
fn resolution(sizes: [(usize, usize); 2], planes: [Extent; 2]) -> String {
    let percent = |own: usize, side: usize| {
        let percent = 100.0 * side as f64 / own.max(1) as f64;
        if percent < 9.5 { with_digits(percent, 1) } else { format!("{percent:.0}") }
    };
    // Of the largest images the least is left.
    let across = [1, 0].map(|i| percent(sizes[i].0, planes[i].width));
    let down = [1, 0].map(|i| percent(sizes[i].1, planes[i].height));
    if across == down {
        return from_to(across, "%");
    }
    format!("{} (across) and {} (down)", from_to(across, "%"), from_to(down, "%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn tiles(width: usize, height: usize, scale: f32) -> Geometry {
        Geometry::Tiles { width, height, scale, overlap: 32, part: 256, step: 32 }
    }

    /// The percentage of the setting, one size of several, and "0.0 times the work" were once printed.
    #[test]
    fn the_input_is_told_as_it_is() {
        assert_eq!(
            told(&tiles(160, 64, 0.8), [(190, 75); 2]),
            "the network takes images at 84 % (across) and 85 % (down) of their resolution, 160 x 64 pixels: 0.16 \
             times the work of one of 256 x 256"
        );
        assert_eq!(
            told(&tiles(256, 256, 0.8), [(320, 320), (640, 480)]),
            "the network takes images at 80 % of their resolution, 256 x 256 to 512 x 384 pixels, in 1 to 6 tiles: \
             1.0 to 6.0 times the work of one of 256 x 256"
        );
        let whole = Geometry::Fitted { width: 64, height: 32 };
        let expected = "the network takes whole images of 64 x 32 pixels, 10 % of their resolution: 0.031 times the \
                        work of one of 256 x 256";
        assert_eq!(told(&whole, [(640, 320); 2]), expected);
    }

    /// It was not told at all.
    #[test]
    fn a_square_is_told_with_what_is_left_of_the_resolution() {
        let square = Geometry::Whole { width: 256, height: 256 };
        let hint = " (--smallest-defect N keeps small defects visible)";
        let begin = "the network takes whole images as a square of 256 x 256,";
        for (sizes, expected) in [
            ([(900, 900); 2], format!("{begin} 28 % of their resolution{hint}")),
            ([(640, 512); 2], format!("{begin} 40 % (across) and 50 % (down) of their resolution{hint}")),
            ([(512, 512), (1024, 1024)], format!("{begin} 25 to 50 % of their resolution{hint}")),
            ([(256, 256); 2], format!("{begin} 100 % of their resolution")),
        ] {
            assert_eq!(told(&square, sizes), expected);
        }
    }

    /// Defects finer than a pixel and images that take seconds each were trained on without a word.
    #[test]
    fn a_view_that_costs_much_or_shows_too_little_is_named_with_the_way_out() {
        let large = [(6000, 4000); 2];
        let said = remarks(View::Smallest(2.0), &tiles(1280, 1280, 1.0), large);
        assert!(said[0].contains("a defect of 2 pixels has no more than that at the network"), "{said:?}");
        assert!(said[1].ends_with("--smallest-defect 8 takes a quarter of it"), "{said:?}");
        let said = remarks(View::Scale(1.0), &tiles(1280, 1280, 1.0), large);
        assert!(said[0].ends_with("--scale 0.5 takes a quarter of it") && said.len() == 1, "{said:?}");
        assert!(remarks(View::Smallest(40.0), &tiles(1280, 1280, 0.1), large).is_empty());
        assert!(remarks(View::Scale(1.0), &tiles(1280, 1280, 1.0), [(900, 900); 2]).is_empty());
    }
}
