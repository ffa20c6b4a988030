//! [`Family::Paper`](crate::Family::Paper): CutPaste from a hard-augmented copy (Song et al. 2021;
//! ranges of Li et al. 2021).

use anoseg_image::{Image, Mask};

use crate::draw::Draw;
use crate::frame::sample;
use crate::hard::HardAugmentation;
use crate::kind::Kind;
use crate::recipe::{PaperRecipe, Recipe};

/// How often a place is drawn until its middle lies where anomalies may lie.
const PLACES: usize = 32;

/// A rectangle that is cut at one position and pasted, rotated, at another.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// Width and height in pixels.
    size: [f32; 2],
    /// Rotation of the pasted rectangle in radians.
    angle: f32,
}

/// Pastes patches and scars in the number that the recipe gives, all cut from the unchanged image,
/// and labels the pasted pixels. Pixels that are not `inside` are left as they are.
pub(crate) fn draw_anomalies(
    image: &mut Image,
    label: &mut Mask,
    (recipe, inside): (&Recipe, Option<&Mask>),
    draw: &mut Draw,
) -> Vec<Kind> {
    let clean = image.clone();
    let [fewest, most] = recipe.anomalies.map(|count| count as usize);
    (0..draw.count(fewest, most))
        .filter_map(|_| cut_paste(&clean, image, label, (&recipe.paper, inside), draw))
        .collect()
}

/// Pastes one patch or scar of `clean` into `image`; `None` if it covers no pixel centre, as a
/// turned rectangle of about one pixel may.
fn cut_paste(
    clean: &Image,
    image: &mut Image,
    label: &mut Mask,
    (recipe, inside): (&PaperRecipe, Option<&Mask>),
    draw: &mut Draw,
) -> Option<Kind> {
    let (width, height) = (clean.width(), clean.height());
    let hard = recipe
        .hard_augmentation
        .then(|| HardAugmentation::draw(width, height, recipe.jitter, recipe.hue, draw));
    let (kind, cut) = if draw.chance(recipe.scar_share) {
        (Kind::Scar, scar(recipe, width, height, draw))
    } else {
        (Kind::Patch, patch(recipe, width, height, draw))
    };
    let copy = |x: f32, y: f32| match &hard {
        Some(hard) => hard.sample(clean, x, y),
        None => sample(clean, x, y),
    };
    let from = place(cut.size, width, height, draw);
    let (sin, cos) = cut.angle.sin_cos();
    let [w, h] = cut.size;
    let extent = [w * cos.abs() + h * sin.abs(), w * sin.abs() + h * cos.abs()];
    let mut to = place(extent, width, height, draw);
    let counts = |x: usize, y: usize| inside.is_none_or(|inside| inside.get(x, y));
    for _ in 1..PLACES {
        if counts(to[0].max(0.0) as usize, to[1].max(0.0) as usize) {
            break;
        }
        to = place(extent, width, height, draw);
    }
    let bounds = |centre: f32, extent: f32, limit: usize| {
        let low = (centre - extent / 2.0).floor().max(0.0) as usize;
        low..((centre + extent / 2.0).ceil().max(0.0) as usize + 1).min(limit)
    };
    let mut pasted = false;
    for y in bounds(to[1], extent[1], height) {
        for x in bounds(to[0], extent[0], width) {
            let (dx, dy) = (x as f32 - to[0], y as f32 - to[1]);
            let (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
            // Half-open ranges, so that a rectangle of whole pixels covers exactly as many pixels.
            if (-w / 2.0..w / 2.0).contains(&u) && (-h / 2.0..h / 2.0).contains(&v) && counts(x, y) {
                image.set(x, y, copy(from[0] + u, from[1] + v));
                label.set(x, y, true);
                pasted = true;
            }
        }
    }
    pasted.then_some(kind)
}

fn patch(recipe: &PaperRecipe, width: usize, height: usize, draw: &mut Draw) -> Cut {
    let [low, high] = recipe.patch_area;
    let area = draw.log_between(low, high) * (width * height) as f32;
    let aspect = draw.log_between(recipe.patch_aspect[0], recipe.patch_aspect[1]);
    let angle = draw.either_way(recipe.patch_rotation_degrees).to_radians();
    // A patch of a tiny image has at least one pixel, like a scar.
    Cut { size: [area * aspect, area / aspect].map(|square| square.sqrt().max(1.0)), angle }
}

fn scar(recipe: &PaperRecipe, width: usize, height: usize, draw: &mut Draw) -> Cut {
    let unit = width.min(height) as f32 / 256.0;
    let side = |[low, high]: [f32; 2], draw: &mut Draw| (draw.between(low, high) * unit).max(1.0);
    let size = [side(recipe.scar_width_px, draw), side(recipe.scar_length_px, draw)];
    Cut { size, angle: draw.either_way(recipe.scar_rotation_degrees).to_radians() }
}

/// A random centre for a rectangle of this extent inside the image; the middle if it does not fit.
fn place(extent: [f32; 2], width: usize, height: usize, draw: &mut Draw) -> [f32; 2] {
    let along = |extent: f32, side: usize, draw: &mut Draw| {
        let slack = side as f32 - extent;
        // Pixel centres are whole numbers: the image reaches from -0.5 to side - 0.5.
        (side as f32 - 1.0) / 2.0 + draw.either_way(slack.max(0.0) / 2.0)
    };
    [along(extent[0], width, draw), along(extent[1], height, draw)]
}
