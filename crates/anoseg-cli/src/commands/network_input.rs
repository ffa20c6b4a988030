//! What the network takes of the images, in words.

use anoseg::{Extent, Geometry};
use anoseg_report::format::with_digits;

/// What the network takes of images of these sizes, the smallest and the largest, and what that costs.
pub(super) fn told(geometry: &Geometry, sizes: [(usize, usize); 2]) -> String {
    let planes = sizes.map(|(width, height)| geometry.plane(width, height));
    let tiles = planes.map(|plane| geometry.windows(plane).len());
    let [height, width] = geometry.size();
    let taken = match geometry {
        Geometry::Tiles { .. } => format!(
            "the network takes images at {} of their resolution, {}{}",
            effective_scale(sizes[1], planes[1]),
            from_to(planes.map(|Extent { width, height }| format!("{width} x {height}")), "pixels"),
            if tiles[1] > 1 { format!(", in {}", from_to(tiles, "tiles")) } else { String::new() }
        ),
        _ => format!("the network takes whole images of {width} x {height} pixels"),
    };
    let work = [0, 1].map(|i| {
        let pixels = tiles[i] * geometry.window_size(planes[i]).iter().product::<usize>();
        with_digits(pixels as f64 / (256.0 * 256.0), 1)
    });
    format!("{taken}: {} the work of one of 256 x 256", from_to(work, "times"))
}

/// `3 tiles`, `3 to 5 tiles`.
fn from_to<T: PartialEq + std::fmt::Display>([least, most]: [T; 2], unit: &str) -> String {
    if least == most { format!("{most} {unit}") } else { format!("{least} to {most} {unit}") }
}

/// The share of an image's resolution that is left at the network. It differs from the setting, because the
/// sides are rounded.
fn effective_scale((width, height): (usize, usize), plane: Extent) -> String {
    let percent = |own: usize, side: usize| {
        let percent = 100.0 * side as f64 / own.max(1) as f64;
        if percent < 9.5 { with_digits(percent, 1) } else { format!("{percent:.0}") }
    };
    match (percent(width, plane.width), percent(height, plane.height)) {
        (across, down) if across == down => format!("{across} %"),
        (across, down) => format!("{across} % (across) and {down} % (down)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The percentage of the setting, one size of several, and "0.0 times the work" were once printed.
    #[test]
    fn the_input_is_told_as_it_is() {
        let tiles =
            |width, height| Geometry::Tiles { width, height, scale: 0.8, overlap: 32, part: 256, step: 32 };
        assert_eq!(
            told(&tiles(160, 64), [(190, 75); 2]),
            "the network takes images at 84 % (across) and 85 % (down) of their resolution, 160 x 64 pixels: 0.16 \
             times the work of one of 256 x 256"
        );
        assert_eq!(
            told(&tiles(256, 256), [(320, 320), (640, 480)]),
            "the network takes images at 80 % of their resolution, 256 x 256 to 512 x 384 pixels, in 1 to 6 tiles: \
             1.0 to 6.0 times the work of one of 256 x 256"
        );
        let whole = Geometry::Fitted { width: 64, height: 32 };
        let expected =
            "the network takes whole images of 64 x 32 pixels: 0.031 times the work of one of 256 x 256";
        assert_eq!(told(&whole, [(640, 320); 2]), expected);
    }
}
