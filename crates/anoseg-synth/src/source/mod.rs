//! Fillings of anomalies.

mod change;
mod colour;
mod cutting;
mod missing;
mod texture;

use anoseg_image::{Image, Mask};

use crate::draw::Draw;
use crate::foreground::Foreground;
use crate::frame::Frame;
use crate::kind::Source;
use crate::window::{Placed, Window};

/// The image to draw on, and the data that fillings are made from.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The training images.
    pub(crate) images: &'a [Image],
    /// Which of them may be used; ascending, the one to draw on among them.
    pub(crate) chosen: &'a [usize],
    /// The part in each of them.
    pub(crate) foregrounds: &'a [Option<Foreground>],
    /// The index of the image to draw on.
    pub(crate) source: usize,
    /// Its geometric augmentation.
    pub(crate) frame: &'a Frame,
    /// The pixels of the image to draw on in which anomalies may lie; all if None.
    pub(crate) inside: Option<&'a Mask>,
    /// Whether all images are grey.
    pub(crate) grey: bool,
    /// Pixels per pixel of an image whose shorter side is 256.
    pub(crate) unit: f32,
    /// Strengths of hard-augmented copies: colour factors and hue.
    pub(crate) jitter: (f32, f32),
}

impl Scene<'_> {
    /// One of the images that may be used.
    pub(crate) fn any_image(&self, draw: &mut Draw) -> &Image {
        &self.images[self.chosen[draw.below(self.chosen.len())]]
    }

    /// The index of another image than the one to draw on, all equally likely; that of the same image if there is
    /// no other.
    pub(crate) fn another(&self, draw: &mut Draw) -> usize {
        let count = self.chosen.len();
        let own = self.chosen.iter().position(|&image| image == self.source).unwrap_or(0);
        self.chosen[(own + 1 + draw.below(count.saturating_sub(1))) % count]
    }

    /// Pixels per pixel of an image whose shorter side is 256.
    pub(crate) fn unit(&self) -> f32 {
        self.unit
    }

    /// The part in the image to draw on, in the coordinates of the training image.
    pub(crate) fn foreground(&self) -> Option<&Foreground> {
        self.foregrounds[self.source].as_ref()
    }

    /// Whether a pixel of the augmented image lies on the part; `false` if the part is unknown.
    pub(crate) fn on_part(&self, x: usize, y: usize) -> bool {
        self.foreground().is_some_and(|part| self.frame.covers(&part.mask, x, y))
    }
}

/// The filling of a window of `image`, the augmented image with earlier anomalies. Only covered
/// pixels are used.
pub(crate) fn filling(
    source: Source,
    scene: &Scene<'_>,
    image: &Image,
    placed: &Placed,
    draw: &mut Draw,
) -> Image {
    let mut filling = coloured(source, scene, image, placed, draw);
    if scene.grey {
        // In grey images a coloured anomaly could be detected by its colour alone.
        let luma = filling.plane(0).iter().zip(filling.plane(1)).zip(filling.plane(2));
        let luma: Vec<f32> = luma.map(|((r, g), b)| 0.299 * r + 0.587 * g + 0.114 * b).collect();
        (0..3).for_each(|channel| filling.plane_mut(channel).copy_from_slice(&luma));
    }
    filling
}

fn coloured(source: Source, scene: &Scene<'_>, image: &Image, placed: &Placed, draw: &mut Draw) -> Image {
    match source {
        Source::OtherImage => cutting::from_another(scene, placed.window, draw),
        Source::HardAugmented => cutting::from_hard_augmented(scene, placed.window, draw),
        Source::Shuffled => cutting::shuffled(image, placed.window, draw),
        Source::Texture => texture::texture(scene, placed.window, draw),
        Source::FlatColour => {
            Image::filled(placed.window.width, placed.window.height, colour::colour(scene, draw))
        }
        Source::Tone => change::tone(image, placed, draw),
        Source::Relief => change::relief(image, placed, draw),
        Source::Blur => change::blur(scene, image, placed.window, draw),
        Source::Warp => change::warp(image, placed.window, draw),
        Source::Missing => missing::missing(scene, image, placed, draw),
    }
}

/// Calls `colour(x, y)` with each of the window's pixels, in image coordinates.
fn painted(window: Window, mut colour: impl FnMut(f32, f32) -> [f32; 3]) -> Image {
    Image::from_fn(window.width, window.height, |x, y| colour((window.x + x) as f32, (window.y + y) as f32))
}

/// The middle of a window, in image coordinates.
fn middle(window: Window) -> (f32, f32) {
    (window.x as f32 + (window.width - 1) as f32 / 2.0, window.y as f32 + (window.height - 1) as f32 / 2.0)
}

/// A random pixel; inside the mask if one of 32 attempts finds it.
fn random_pixel(width: usize, height: usize, mask: Option<&Mask>, draw: &mut Draw) -> (f32, f32) {
    let mut pixel = (0, 0);
    for _ in 0..32 {
        pixel = (draw.below(width), draw.below(height));
        if mask.is_none_or(|mask| mask.get(pixel.0, pixel.1)) {
            break;
        }
    }
    (pixel.0 as f32, pixel.1 as f32)
}
