//! Generated parts with generated defects, for a demo without any data.
//!
//! Each image is a small scene rendered in linear light: a [`Part`] with natural variation under a
//! lamp, taken by a camera model with lens blur and sensor noise. Defects are rendered as changes
//! of the part (threads tear, ink smears, a rim breaks), not by the synthesis that training uses,
//! so that an evaluation on them is meaningful. The mask of a defect holds the pixels that differ
//! visibly from the same scene, with the same noise, without the defect.

mod camera;
mod canvas;
mod fabric;
mod geometry;
mod ground_truth;
mod light;
mod noise;
#[cfg(test)]
mod tests;
mod token;

use anoseg_image::{Image, Mask};

use camera::Camera;
use canvas::Canvas;
use geometry::V2;
use noise::Dice;
use token::Token;

/// A generated part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A texture: woven cloth that fills the image.
    Fabric,
    /// An object: a round token with print on its face, nearly always in the same place.
    Token,
    /// The same token, smaller, in any place of the image and turned to any side. Its print tells how it
    /// is turned.
    LooseToken,
}

/// An image of a defective part.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoImage {
    /// The image.
    pub image: Image,
    /// The pixels that the defect changed visibly; same size as the image.
    pub mask: Mask,
}

/// Attempts to generate a defect that is visible and covers at most half of the image.
const ATTEMPTS: u64 = 8;

impl Part {
    /// The parts that are held still.
    pub const ALL: [Self; 2] = [Self::Fabric, Self::Token];

    /// The name of the part, usable as a folder name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fabric => "fabric",
            Self::Token => "token",
            Self::LooseToken => "loose_token",
        }
    }

    /// The defects of the part, usable as folder names.
    pub fn defects(self) -> &'static [&'static str] {
        match self {
            Self::Fabric => &fabric::DEFECTS,
            Self::Token | Self::LooseToken => &token::DEFECTS,
        }
    }

    /// The token that lies under the camera.
    fn token(self, dice: &mut Dice, half_extent: V2) -> Token {
        if self == Self::LooseToken { Token::loose(dice, half_extent) } else { Token::new(dice, half_extent) }
    }
}

/// The purpose of a random stream. It is part of the key, so that no two purposes share a stream.
#[derive(Clone, Copy)]
enum Purpose {
    /// The part, its pose, the lamp and the camera.
    Scene,
    /// The noise of the sensor.
    Sensor,
    /// The defect, at the given attempt.
    Defect(u64),
}

/// The key of one random stream. `defect` counts from 1 in [`Part::defects`]; 0 is a good part.
fn key(part: Part, defect: usize, seed: u64, index: u64, purpose: Purpose) -> [u64; 4] {
    let part = match part {
        Part::Fabric => 1,
        Part::Token => 2,
        Part::LooseToken => 3,
    };
    let purpose = match purpose {
        Purpose::Scene => 0,
        Purpose::Sensor => 1,
        Purpose::Defect(attempt) => 2 + attempt,
    };
    [seed, index, (part << 32) | defect as u64, purpose]
}

/// An image of a good part, `width` x `height` pixels; the same for the same arguments.
///
/// The scale of the part follows the shorter side.
pub fn good(part: Part, seed: u64, index: u64, width: usize, height: usize) -> Image {
    let key = |purpose| key(part, 0, seed, index, purpose);
    let mut canvas = Canvas::new(width, height);
    let mut dice = Dice::new(key(Purpose::Scene));
    match part {
        Part::Fabric => fabric::Cloth::new(&mut dice, canvas.half_extent()).draw(&mut canvas),
        Part::Token | Part::LooseToken => {
            part.token(&mut dice, canvas.half_extent()).draw(&mut canvas);
        }
    }
    Camera::new(&mut dice, key(Purpose::Sensor)).shoot(&canvas)
}

/// An image of a part with one of its [`Part::defects`], `width` x `height` pixels; the same for
/// the same arguments.
///
/// `None` if the part has no such defect. The mask is not empty and marks at most half of the
/// image, except perhaps in images of a few dozen pixels a side, where a small defect may not show.
pub fn defective(
    part: Part,
    defect: &str,
    seed: u64,
    index: u64,
    width: usize,
    height: usize,
) -> Option<DemoImage> {
    let (least, most) = ((width * height / 4096).max(1), width * height / 2);
    let attempt = |attempt| {
        let [without, with] = pair(part, defect, seed, index, attempt, (width, height))?;
        let mask = ground_truth::visible_change(&without, &with);
        Some(DemoImage { image: with, mask })
    };
    let visible = |found: &DemoImage| (least..=most).contains(&found.mask.count());
    let mut found = attempt(0)?;
    for again in 1..ATTEMPTS {
        if visible(&found) {
            break;
        }
        found = attempt(again)?;
    }
    Some(found)
}

/// The same part under the same camera without and with the defect; `None` if the part has no such
/// defect.
fn pair(
    part: Part,
    defect: &str,
    seed: u64,
    index: u64,
    attempt: u64,
    (width, height): (usize, usize),
) -> Option<[Image; 2]> {
    let number = 1 + part.defects().iter().position(|&name| name == defect)?;
    let key = |purpose| key(part, number, seed, index, purpose);
    let mut canvas = Canvas::new(width, height);
    let half_extent = canvas.half_extent();
    let mut dice = Dice::new(key(Purpose::Scene));
    let mut chance = Dice::new(key(Purpose::Defect(attempt)));
    let damaged = match part {
        Part::Fabric => {
            let cloth = fabric::Cloth::new(&mut dice, half_extent);
            let damage = fabric::Damage::new(defect, &cloth, half_extent, &mut chance)?;
            cloth.draw_pair(&mut canvas, &damage)
        }
        Part::Token | Part::LooseToken => {
            let token = part.token(&mut dice, half_extent);
            let damage = token::Damage::new(defect, &token, &mut chance)?;
            token.draw_pair(&mut canvas, &damage)
        }
    };
    let camera = Camera::new(&mut dice, key(Purpose::Sensor));
    Some([camera.shoot(&canvas), camera.shoot(&damaged)])
}
