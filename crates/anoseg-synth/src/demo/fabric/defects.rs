//! The defects of a cloth, of chance size, place and strength.

use super::super::canvas::Strand;
use super::super::geometry::{Disc, V2, mixed, scaled, wandering_path};
use super::super::noise::{Dice, floor};
use super::damage::{Crease, Damage, Gap, Opening, Pull, Stain};
use super::{Cloth, Set};

/// The defects of a cloth, by folder name.
pub(in crate::demo) const DEFECTS: [&str; 7] =
    ["broken_thread", "pulled_thread", "hole", "cut", "oil_stain", "foreign_fibre", "crease"];

impl Damage {
    /// The damage called `defect` somewhere on `cloth`; `None` if cloth has no such defect.
    pub(in crate::demo) fn new(
        defect: &str,
        cloth: &Cloth,
        half_extent: V2,
        dice: &mut Dice,
    ) -> Option<Self> {
        let place = V2::new(dice.within(half_extent.x * 0.8), dice.within(half_extent.y * 0.8));
        Some(match defect {
            "broken_thread" => Self::broken_thread(cloth, place, dice),
            "pulled_thread" => Self::pulled_thread(cloth, place, dice),
            "hole" => Self::hole(cloth, place, dice),
            "cut" => Self::cut(cloth, place, dice),
            "oil_stain" => Self::oil_stain(place, dice),
            "foreign_fibre" => Self::foreign_fibre(cloth, place, dice),
            "crease" => Self::crease(place, dice),
            _ => return None,
        })
    }

    fn broken_thread(cloth: &Cloth, place: V2, dice: &mut Dice) -> Self {
        let set = dice.pick([Set::Warp, Set::Weft]);
        let q = cloth.thread_coordinates(place);
        let (side, middle) = if set == Set::Warp { (q.x, q.y) } else { (q.y, q.x) };
        let threads = dice.pick([1, 1, 2, 3]);
        let half_length = dice.log_range(2.0, 11.0);
        let mut damage = Self::at(place, cloth.pitch * (1.2 * half_length + 5.0));
        for n in 0..threads {
            let (middle, half_length) = (middle + dice.within(1.0), half_length * dice.range(0.8, 1.1));
            damage.gaps.push(Gap { set, index: floor(side) + n, middle, half_length });
            // The broken end often springs out of the cloth.
            if dice.chance(0.6) {
                let outward = dice.pick([-1.0, 1.0]);
                let direction = cloth.direction(set);
                let sideways = direction.perpendicular() * cloth.pitch * (n as f32 + 0.5 - side.fract());
                let end = place + direction * (half_length * cloth.pitch * outward) + sideways;
                let heading = direction * -outward;
                let length = dice.range(1.5, 4.0);
                damage.strands.push(loose_end(cloth, set, end, heading, length, dice));
            }
        }
        damage
    }

    fn pulled_thread(cloth: &Cloth, place: V2, dice: &mut Dice) -> Self {
        let set = dice.pick([Set::Warp, Set::Weft]);
        let along = cloth.direction(set);
        let pull = Pull {
            centre: place,
            along,
            reach: cloth.pitch * dice.range(2.5, 7.0),
            width: cloth.pitch * dice.range(0.6, 1.2),
            strength: dice.range(0.4, 0.8),
            height: dice.range(0.15, 0.5),
        };
        let mut strands = Vec::new();
        if dice.chance(0.75) {
            // The slack of the thread stands out as a loop, seen from above at a slant.
            let (width, length) =
                (cloth.pitch * dice.range(0.5, 1.6), cloth.pitch * dice.log_range(1.2, 5.0));
            let lean = along.perpendicular().turned(V2::unit(dice.within(0.7))) * dice.pick([-1.0, 1.0]);
            let path = (0..=16).map(|i| {
                let t = i as f32 / 16.0 * std::f32::consts::PI;
                let belly = 1.0 + 0.5 * t.sin();
                place + along * (-width * t.cos() * belly) + lean * (length * t.sin())
            });
            strands.push(Strand {
                path: path.collect(),
                radius: cloth.pitch * 0.30,
                albedo: cloth.yarn_colour(set),
                lift: cloth.pitch * 0.7,
                opacity: 1.0,
            });
        }
        Self { strands, pull: Some(pull.clone()), ..Self::at(place, 4.5 * pull.reach) }
    }

    fn hole(cloth: &Cloth, place: V2, dice: &mut Dice) -> Self {
        let radius = dice.log_range(0.018, 0.085);
        let opening = Opening {
            centre: place,
            axis: V2::unit(dice.angle()),
            half_length: radius * dice.range(1.0, 1.4),
            half_width: radius,
            ragged: dice.range(0.15, 0.4),
            fray: cloth.pitch * dice.range(0.3, 1.2),
            gaping: false,
            seed: dice.seed(),
        };
        let strands = ends_around(cloth, &opening, dice.range(60.0, 160.0), dice);
        Self { opening: Some(opening), strands, ..Self::at(place, 2.2 * radius + 0.06) }
    }

    fn cut(cloth: &Cloth, place: V2, dice: &mut Dice) -> Self {
        let half_length = dice.log_range(0.06, 0.22);
        let opening = Opening {
            centre: place,
            axis: V2::unit(dice.angle()),
            half_length,
            half_width: half_length * dice.log_range(0.035, 0.14),
            ragged: 0.08,
            fray: cloth.pitch * dice.range(0.05, 0.35),
            gaping: true,
            seed: dice.seed(),
        };
        let strands = ends_around(cloth, &opening, dice.range(10.0, 45.0), dice);
        let reach = half_length + 12.0 * opening.half_width + 0.03;
        Self { opening: Some(opening), strands, ..Self::at(place, reach) }
    }

    fn oil_stain(place: V2, dice: &mut Dice) -> Self {
        let strength = dice.range(0.3, 0.95);
        let oil = dice.pick([[0.34, 0.30, 0.22], [0.25, 0.24, 0.23], [0.5, 0.40, 0.2]]);
        let radius = dice.log_range(0.03, 0.19);
        let pool = Stain {
            centre: place,
            radius,
            tint: mixed([1.0; 3], oil, strength),
            gloss: 0.04 * strength,
            softness: dice.range(0.15, 0.6),
            seed: dice.seed(),
        };
        let mut stains = vec![pool.clone()];
        for _ in 0..dice.below(4) {
            // Drops that fell beside the large one.
            let centre = place + V2::unit(dice.angle()) * (radius * dice.range(1.4, 2.4));
            let radius = radius * dice.range(0.1, 0.35);
            stains.push(Stain { centre, radius, seed: dice.seed(), ..pool.clone() });
        }
        Self { stains, ..Self::at(place, 3.2 * radius) }
    }

    fn foreign_fibre(cloth: &Cloth, place: V2, dice: &mut Dice) -> Self {
        let steps = 14 + dice.below(36);
        let curl = dice.within(0.12);
        let bends: Vec<f32> = (0..steps).map(|_| curl + dice.within(0.3)).collect();
        let path = wandering_path(place, dice.angle(), dice.range(0.004, 0.011), bends);
        let albedo = dice.pick([
            [0.45, 0.03, 0.03],
            [0.02, 0.02, 0.02],
            [0.85, 0.85, 0.82],
            [0.60, 0.42, 0.06],
            [0.05, 0.25, 0.10],
        ]);
        let radius = cloth.pitch * dice.log_range(0.08, 0.24);
        let lift = cloth.pitch * dice.range(0.1, 0.5);
        let fibre = Strand { path, radius, albedo, lift, opacity: dice.range(0.8, 1.0) };
        Self { strands: vec![fibre], ..Self::at(place, 0.0) }
    }

    fn crease(place: V2, dice: &mut Dice) -> Self {
        let along = V2::unit(dice.angle());
        let crease = Crease {
            centre: place * 0.5,
            along,
            half_length: dice.log_range(0.15, 0.6),
            width: dice.log_range(0.010, 0.026),
            bend: dice.within(0.5),
            slope: dice.range(0.7, 1.7) * dice.pick([-1.0, 1.0]),
        };
        let reach = 1.4 * crease.half_length + 4.0 * crease.width + 0.1;
        let area = Disc { centre: crease.centre, radius: reach };
        let mut creases = vec![crease.clone()];
        if dice.chance(0.3) {
            // A fold is often pressed in twice, side by side.
            let beside = along.perpendicular() * dice.range(0.05, 0.09);
            let along = along.turned(V2::unit(dice.within(0.2)));
            let slope = crease.slope * dice.range(-0.8, 0.8);
            creases.push(Crease { centre: crease.centre + beside, along, slope, ..crease });
        }
        Self { creases, ..Self::at(area.centre, area.radius) }
    }
}

/// A yarn end of `length` pitches that curls out of the cloth.
fn loose_end(cloth: &Cloth, set: Set, start: V2, heading: V2, length: f32, dice: &mut Dice) -> Strand {
    let curl = dice.within(0.35);
    let bends: Vec<f32> = (0..9).map(|_| curl + dice.within(0.2)).collect();
    let angle = heading.y.atan2(heading.x) + dice.within(0.5);
    Strand {
        path: wandering_path(start, angle, cloth.pitch * length / 9.0, bends),
        radius: cloth.pitch * dice.range(0.16, 0.3),
        albedo: scaled(cloth.yarn_colour(set), 1.1),
        lift: cloth.pitch * 0.4,
        opacity: 1.0,
    }
}

/// Frayed yarn ends around an opening, `density` of them per field unit of its outline.
fn ends_around(cloth: &Cloth, opening: &Opening, density: f32, dice: &mut Dice) -> Vec<Strand> {
    let perimeter = 4.0 * opening.half_length.max(opening.half_width);
    let count = (density * perimeter) as usize;
    let mut end = |_| {
        let set = dice.pick([Set::Warp, Set::Weft]);
        let around = V2::unit(dice.angle());
        let along = around.x * opening.half_length;
        let across = if opening.gaping {
            opening.half_width_at(along).copysign(around.y)
        } else {
            opening.half_width * around.y
        };
        let rim = V2::new(along, across);
        let start = opening.centre + rim.turned(opening.axis);
        let mut heading = cloth.direction(set);
        if heading.dot(opening.centre - start) < 0.0 {
            heading = heading * -1.0;
        }
        let length = (dice.log_range(0.5, 2.2)).min(1.2 * opening.half_width / cloth.pitch + 0.4);
        let mut strand = loose_end(cloth, set, start, heading, length, dice);
        strand.radius *= dice.range(0.25, 0.7);
        strand.lift *= 0.4;
        strand
    };
    (0..count).map(&mut end).collect()
}
