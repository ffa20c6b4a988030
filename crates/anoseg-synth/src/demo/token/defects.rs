//! The defects of a token, of chance size, place and strength.

use super::super::canvas::{Grain, Strand};
use super::super::geometry::{Disc, Rgb, V2, scaled, wandering_path};
use super::super::noise::Dice;
use super::damage::{Chip, Damage, Dent, Fingerprint, Scratch, Spot};
use super::misprint::{Misprint, Smear, Void};
use super::print::{Element, Kind, NUMERALS, artwork, numeral};
use super::{FACE_EDGE, Token};

/// The defects of a token, by folder name.
pub(in crate::demo) const DEFECTS: [&str; 6] =
    ["misprint", "chip", "scratch", "contamination", "dent", "colour_spot"];

impl Damage {
    /// The damage called `defect` somewhere on `token`; `None` if a token has no such defect.
    pub(in crate::demo) fn new(defect: &str, token: &Token, dice: &mut Dice) -> Option<Self> {
        Some(match defect {
            "misprint" => Self::misprint(token, dice),
            "chip" => Self::chip(token, dice),
            "scratch" => Self::scratch(token, dice),
            "contamination" => Self::contamination(token, dice),
            "dent" => Self::dent(token, dice),
            "colour_spot" => Self::colour_spot(token, dice),
            _ => return None,
        })
    }

    /// A token that differs within `reach` token radii of `place` in token coordinates.
    fn on(token: &Token, place: V2, reach: f32) -> Self {
        Self::at(token.image_coordinates(place), reach * token.radius)
    }

    fn misprint(token: &Token, dice: &mut Dice) -> Self {
        let mut misprint = Misprint { elements: artwork(), void: None, smear: None, ghost: None };
        // Aim at print, so that something is there to go wrong.
        let place = misprint.elements[dice.below(misprint.elements.len())].centre;
        let field = |q: V2, radius: f32| Disc { centre: token.printed_at(q), radius: radius * token.radius };
        match dice.below(7) {
            0 => omit(&mut misprint.elements, dice),
            1 => exchange_numeral(&mut misprint.elements, dice),
            2 => embolden(&mut misprint.elements, place, dice),
            3 => {
                let shift = V2::unit(dice.angle()) * dice.range(0.012, 0.035);
                misprint.ghost = Some(shift * token.radius);
            }
            4 => {
                let area = field(place, dice.range(0.15, 0.4));
                let drag = V2::unit(dice.angle()) * (token.radius * dice.range(0.06, 0.2));
                misprint.smear = Some(Smear { area, drag });
            }
            _ => {
                let area = field(place, dice.log_range(0.12, 0.5));
                misprint.void = Some(Void { area, strength: dice.range(0.5, 1.0), seed: dice.seed() });
            }
        }
        Self { misprint: Some(misprint), ..Self::on(token, V2::ZERO, 1.0) }
    }

    fn chip(token: &Token, dice: &mut Dice) -> Self {
        let centre = V2::unit(dice.angle()) * dice.range(0.95, 1.05);
        let radius = dice.log_range(0.07, 0.26);
        let chip = Chip { centre, radius, bite: dice.range(0.15, 0.6), seed: dice.seed() };
        Self { chip: Some(chip), ..Self::on(token, centre, 1.7 * radius) }
    }

    fn scratch(token: &Token, dice: &mut Dice) -> Self {
        let start = dice.in_disc(0.8);
        let heading = dice.angle();
        let (length, curl) = (dice.log_range(0.12, 0.9), dice.within(0.05));
        let (radius, depth) = (dice.log_range(0.004, 0.012), dice.range(0.45, 1.0));
        let bare = dice.pick([[0.78, 0.77, 0.74], [0.33, 0.32, 0.30], [0.16, 0.15, 0.14]]);
        let mut damage = Self::on(token, V2::ZERO, 1.2);
        for n in 0..dice.pick([1, 1, 1, 2, 3]) {
            // Further scratches of the same blow run beside the first.
            let beside = V2::unit(heading).perpendicular() * (0.045 * n as f32);
            let bends: Vec<f32> = (0..20).map(|_| curl + dice.within(0.03)).collect();
            let step = length * dice.range(0.7, 1.1) / 20.0;
            let path = wandering_path(start + beside, heading + dice.within(0.05), step, bends);
            damage.scratches.push(Scratch { path, radius, depth, bare, seed: dice.seed() });
        }
        damage
    }

    fn contamination(token: &Token, dice: &mut Dice) -> Self {
        let place = dice.in_disc(0.72);
        match dice.below(3) {
            0 => {
                let fingerprint = Fingerprint {
                    centre: place * 0.8,
                    axis: V2::unit(dice.within(0.8)),
                    radius: dice.range(0.22, 0.38),
                    strength: dice.range(0.22, 0.65),
                    seed: dice.seed(),
                };
                let reach = 1.9 * fingerprint.radius;
                let centre = fingerprint.centre;
                Self { fingerprint: Some(fingerprint), ..Self::on(token, centre, reach) }
            }
            1 => {
                let strands = vec![hair(token.image_coordinates(place), dice)];
                Self { strands, ..Self::on(token, place, 0.0) }
            }
            _ => Self { grains: crumbs(token, place, dice), ..Self::on(token, place, 0.0) },
        }
    }

    fn dent(token: &Token, dice: &mut Dice) -> Self {
        let centre = dice.in_disc(FACE_EDGE - 0.1);
        let half_width = dice.log_range(0.035, 0.13);
        let half_length = half_width * dice.range(1.0, 2.2);
        let slope = dice.range(0.16, 0.55) * dice.pick([1.0, 1.0, -1.0]);
        let dent = Dent { centre, axis: V2::unit(dice.angle()), half_length, half_width, slope };
        Self { dents: vec![dent], ..Self::on(token, centre, 3.6 * half_length) }
    }

    fn colour_spot(token: &Token, dice: &mut Dice) -> Self {
        let centre = dice.in_disc(0.92);
        let radius = dice.log_range(0.04, 0.24);
        let colour: Rgb = dice.pick([
            [0.36, 0.12, 0.03], // rust
            [0.55, 0.42, 0.12], // yellowed
            [0.03, 0.10, 0.32], // ink
            [0.10, 0.30, 0.14], // verdigris
            [0.30, 0.29, 0.27], // grey bloom
        ]);
        let spot = Spot {
            centre,
            radius,
            colour,
            opacity: dice.range(0.25, 0.95),
            softness: dice.range(0.1, 0.8),
            seed: dice.seed(),
        };
        Self { spots: vec![spot], ..Self::on(token, centre, 1.8 * radius) }
    }
}

/// Leaves out one to four neighbouring elements of the same kind.
fn omit(elements: &mut Vec<Element>, dice: &mut Dice) {
    let kind = dice.pick([Kind::Tick, Kind::Numeral, Kind::Letter, Kind::Logo, Kind::Sector]);
    let places: Vec<usize> = (0..elements.len()).filter(|&i| elements[i].kind == kind).collect();
    let count = if kind == Kind::Sector { 3 + dice.below(9) } else { 1 + dice.below(4) };
    let first = dice.below(places.len().saturating_sub(count) + 1);
    let gone: Vec<usize> = places.into_iter().skip(first).take(count).collect();
    let mut index = 0;
    elements.retain(|_| {
        index += 1;
        !gone.contains(&(index - 1))
    });
}

/// Prints a wrong numeral.
fn exchange_numeral(elements: &mut [Element], dice: &mut Dice) {
    let (place, by) = (dice.below(NUMERALS), 1 + dice.below(NUMERALS - 1));
    let mut numerals = elements.iter_mut().filter(|element| element.kind == Kind::Numeral);
    if let Some(element) = numerals.nth(place) {
        *element = numeral(place, (place + by) % NUMERALS);
    }
}

/// Thickens the strokes around `place`, as too much ink does.
fn embolden(elements: &mut [Element], place: V2, dice: &mut Dice) {
    let (reach, factor) = (dice.range(0.15, 0.45), dice.range(1.5, 2.2));
    let close = elements.iter_mut().filter(|element| (element.centre - place).length() < reach);
    for stroke in close.flat_map(|element| &mut element.strokes) {
        stroke.radius *= factor;
    }
}

fn hair(start: V2, dice: &mut Dice) -> Strand {
    let curl = dice.within(0.12);
    let bends: Vec<f32> = (0..16 + dice.below(24)).map(|_| curl + dice.within(0.22)).collect();
    let path = wandering_path(start, dice.angle(), dice.range(0.006, 0.012), bends);
    let albedo = dice.pick([[0.03, 0.02, 0.015], [0.20, 0.13, 0.07], [0.5, 0.5, 0.48]]);
    Strand { path, radius: dice.range(0.0016, 0.0034), albedo, lift: dice.range(0.002, 0.01), opacity: 0.95 }
}

/// A scatter of crumbs around `place` (token coordinates), most of them small.
fn crumbs(token: &Token, place: V2, dice: &mut Dice) -> Vec<Grain> {
    let spread = dice.range(0.03, 0.2);
    let albedo = dice.pick([[0.10, 0.05, 0.025], [0.04, 0.04, 0.04], [0.55, 0.53, 0.48], [0.22, 0.15, 0.08]]);
    let largest = dice.log_range(0.006, 0.022);
    (0..3 + dice.below(14))
        .map(|n| Grain {
            centre: token.image_coordinates(place + dice.in_disc(spread)),
            radius: if n == 0 { largest } else { largest * dice.log_range(0.15, 0.7) },
            albedo: scaled(albedo, dice.range(0.8, 1.2)),
            seed: dice.seed(),
        })
        .collect()
}
