//! [`Family::Natural`](crate::Family::Natural): any shape, filling and blending; an anomaly that
//! changed almost nothing is drawn again.

use anoseg_image::{Image, Mask, Plane};

use crate::blend;
use crate::draw::Draw;
use crate::foreground::Foreground;
use crate::kind::{Blend, Kind, Shape, Source};
use crate::label;
use crate::recipe::{Recipe, ShapeWeights, SourceWeights};
use crate::shape;
use crate::source::{Scene, filling};
use crate::window::{Placed, Window};

/// Attempts to draw an anomaly that is visible and fits, before it is dropped.
const ATTEMPTS: usize = 5;
/// Share of a shape that must have changed for the anomaly to count.
const VISIBLE_SHARE: f32 = 0.35;
/// Pixels with less cover than this do not belong to the anomaly: they are the end of a soft edge.
const SUPPORT: f32 = 0.15;

/// The random choices of an anomaly that do not depend on its position.
struct Plan {
    shape: Shape,
    source: Source,
    blend: Blend,
    opacity: f32,
    large: bool,
}

/// Draws anomalies on `image` and marks what they changed in `label`.
pub(crate) fn draw_anomalies(
    image: &mut Image,
    label: &mut Mask,
    recipe: &Recipe,
    scene: &Scene<'_>,
    draw: &mut Draw,
) -> Vec<Kind> {
    let base = image.clone();
    let mut support = Mask::filled(image.width(), image.height(), false);
    let (mut kinds, mut windows) = (Vec::new(), Vec::new());
    let [fewest, most] = recipe.anomalies.map(|n| n as usize);
    for _ in 0..draw.count(fewest, most) {
        let drawn = (0..ATTEMPTS).find_map(|_| draw_one(image, &mut support, recipe, scene, draw));
        if let Some((kind, window)) = drawn {
            kinds.push(kind);
            windows.push(window);
        }
    }
    // The label compares with the base again, because a later anomaly may have undone an earlier
    // one.
    *label = label::of_pair(&base, image, &support, &windows, recipe.label_threshold);
    if !label.any() {
        *image = base;
        kinds.clear();
    }
    kinds
}

fn draw_one(
    image: &mut Image,
    support: &mut Mask,
    recipe: &Recipe,
    scene: &Scene<'_>,
    draw: &mut Draw,
) -> Option<(Kind, Window)> {
    let plan = Plan::draw(recipe, draw);
    let placed = place(&plan, recipe, scene, draw)?;
    let before = placed.window.cut(image);
    let filling = filling(plan.source, scene, image, &placed, draw);
    let after = match plan.blend {
        Blend::Poisson => blend::poisson(&before, &filling, &placed),
        _ => blend::lay_over(&before, &filling, &placed, plan.opacity),
    };
    let own = placed.cover.map(|&cover| cover > SUPPORT);
    let changed = label::changed(&before, &after, &own, recipe.label_threshold).count();
    if changed < 3 || (changed as f32) < VISIBLE_SHARE * own.count() as f32 {
        return None;
    }
    placed.window.paste(image, &after);
    let Window { x: left, y: top, .. } = placed.window;
    for y in 0..own.height() {
        for x in 0..own.width() {
            if own.get(x, y) {
                support.set(left + x, top + y, true);
            }
        }
    }
    let kind = Kind::Natural { shape: plan.shape, source: plan.source, blend: plan.blend };
    Some((kind, placed.window))
}

impl Plan {
    fn draw(recipe: &Recipe, draw: &mut Draw) -> Self {
        let large = draw.chance(recipe.size.large);
        let shape = draw_shape(&recipe.shapes, large, draw);
        let source = draw_source(&recipe.sources, draw);
        let is_cut = matches!(source, Source::OtherImage | Source::HardAugmented | Source::Shuffled);
        let poisson = is_cut && shape != Shape::Line && draw.chance(recipe.blends.poisson);
        let feathered = draw.chance(recipe.blends.feathered);
        let transparent = draw.chance(recipe.blends.transparent);
        let opacity = draw.between(recipe.blends.opacity[0], recipe.blends.opacity[1]);
        let blend = match (poisson, feathered, transparent) {
            (true, ..) => Blend::Poisson,
            (_, true, true) => Blend::FeatheredTransparent,
            (_, true, false) => Blend::Feathered,
            (_, false, true) => Blend::Transparent,
            (_, false, false) => Blend::Hard,
        };
        Self { shape, source, blend, opacity: if transparent { opacity } else { 1.0 }, large }
    }

    fn is_feathered(&self) -> bool {
        matches!(self.blend, Blend::Feathered | Blend::FeatheredTransparent)
    }

    /// Length of the shape in pixels.
    fn length(&self, recipe: &Recipe, scene: &Scene<'_>, draw: &mut Draw) -> f32 {
        let side = 256.0 * scene.unit();
        if self.large {
            let [low, high] = recipe.size.large_shares;
            return draw.log_between(low * side, high * side);
        }
        let low = (recipe.size.smallest_px * scene.unit()).max(2.0);
        draw.log_between(low, (recipe.size.largest_share * side).max(low))
    }

    /// Radius of a soft edge in pixels: up to a twelfth of the length, up to a sixth of a large
    /// one's.
    fn feather(&self, length: f32, draw: &mut Draw) -> usize {
        let widest = if self.large { length / 18.0 } else { (length / 24.0).min(4.0) };
        draw.between(1.0, 1.0 + widest).round() as usize
    }
}

fn draw_shape(weights: &ShapeWeights, large: bool, draw: &mut Draw) -> Shape {
    let ShapeWeights { rectangle, ellipse, polygon, line, noise } = *weights;
    // A large anomaly is a region, not a line.
    let line = if large && rectangle + ellipse + polygon + noise > 0.0 { 0.0 } else { line };
    draw.weighted(&[
        (Shape::Rectangle, rectangle),
        (Shape::Ellipse, ellipse),
        (Shape::Polygon, polygon),
        (Shape::Line, line),
        (Shape::Noise, noise),
    ])
}

fn draw_source(weights: &SourceWeights, draw: &mut Draw) -> Source {
    draw.weighted(&[
        (Source::OtherImage, weights.other_image),
        (Source::HardAugmented, weights.hard_augmented),
        (Source::Shuffled, weights.shuffled),
        (Source::Texture, weights.texture),
        (Source::FlatColour, weights.flat_colour),
        (Source::Tone, weights.tone),
        (Source::Relief, weights.relief),
        (Source::Blur, weights.blur),
        (Source::Warp, weights.warp),
        (Source::Missing, weights.missing),
    ])
}

/// Draws the shape and finds a position where enough of it lies on the part.
fn place(plan: &Plan, recipe: &Recipe, scene: &Scene<'_>, draw: &mut Draw) -> Option<Placed> {
    let length = plan.length(recipe, scene, draw);
    let mut stencil = shape::outline(plan.shape, length, scene.unit(), draw);
    if plan.is_feathered() {
        stencil = shape::feathered(&stencil, plan.feather(length, draw));
    }
    let (width, height) = scene.frame.size();
    let Some(part) = scene.foreground() else {
        let (x, y) = pixel_inside(scene, draw);
        return cut_to_region(Placed::at(&stencil, (x as isize, y as isize), width, height)?, scene);
    };
    let missing_edge = plan.source == Source::Missing && !part.contour.is_empty() && draw.chance(0.6);
    // A piece missing from the edge of the part lies about half outside the part.
    let least = if missing_edge { recipe.on_foreground.min(0.2) } else { recipe.on_foreground };
    (0..8).find_map(|_| {
        let centre = if missing_edge { edge_pixel(part, scene, draw) } else { pixel_inside(scene, draw) };
        let placed = Placed::at(&stencil, (centre.0 as isize, centre.1 as isize), width, height)?;
        let placed = cut_to_region(placed, scene)?;
        let placed = if plan.large { cut_to_part(placed, scene) } else { placed };
        (share_on_part(&placed, scene) >= least).then_some(placed)
    })
}

/// A random pixel of the edge of the part, in the augmented image.
fn edge_pixel(part: &Foreground, scene: &Scene<'_>, draw: &mut Draw) -> (usize, usize) {
    let (x, y) = part.contour[draw.below(part.contour.len())];
    let (x, y) = scene.frame.target(x as f32, y as f32);
    // The cast clamps positions that the augmentation moved out of the image on the left or top.
    (x.round() as usize, y.round() as usize)
}

/// How often a pixel is drawn until it lies where anomalies may lie.
const PIXELS_DRAWN: usize = 64;

/// A random pixel in which anomalies may lie, if one of the first draws gives such a one.
fn pixel_inside(scene: &Scene<'_>, draw: &mut Draw) -> (usize, usize) {
    let (width, height) = scene.frame.size();
    let mut pixel = (draw.below(width), draw.below(height));
    for _ in 1..PIXELS_DRAWN {
        if scene.inside.is_none_or(|inside| inside.get(pixel.0, pixel.1)) {
            break;
        }
        pixel = (draw.below(width), draw.below(height));
    }
    pixel
}

/// Limits a shape to the pixels in which anomalies may lie; None if nothing of it is left.
fn cut_to_region(mut placed: Placed, scene: &Scene<'_>) -> Option<Placed> {
    let Some(inside) = scene.inside else { return Some(placed) };
    let Window { x: left, y: top, width, .. } = placed.window;
    for (i, cover) in placed.cover.as_mut_slice().iter_mut().enumerate() {
        if !inside.get(left + i % width, top + i / width) {
            *cover = 0.0;
        }
    }
    placed.cover.as_slice().iter().any(|&cover| cover > SUPPORT).then_some(placed)
}

/// Limits a large region to the part.
fn cut_to_part(mut placed: Placed, scene: &Scene<'_>) -> Placed {
    let Window { x: left, y: top, .. } = placed.window;
    placed.cover = Plane::from_fn(placed.window.width, placed.window.height, |x, y| {
        if scene.on_part(left + x, top + y) { placed.cover.get(x, y) } else { 0.0 }
    });
    placed
}

/// Share of a shape's pixels that lie on the part.
fn share_on_part(placed: &Placed, scene: &Scene<'_>) -> f32 {
    let Window { x: left, y: top, width, .. } = placed.window;
    let (mut all, mut on) = (0u32, 0u32);
    for (i, &cover) in placed.cover.as_slice().iter().enumerate() {
        if cover > SUPPORT {
            all += 1;
            on += u32::from(scene.on_part(left + i % width, top + i / width));
        }
    }
    if all == 0 { 0.0 } else { on as f32 / all as f32 }
}
