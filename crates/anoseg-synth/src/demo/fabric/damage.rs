//! What can be wrong with a cloth: torn, pulled, folded or soiled threads.

use super::super::canvas::Strand;
use super::super::geometry::{Disc, Rgb, V2, bell, mixed, smoothstep};
use super::super::noise::{fractal_noise, hash, smooth_noise};
use super::{Cloth, Set};

/// The damage of one piece of cloth.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Damage {
    /// Outside it the cloth itself is unchanged; only strands may lie there.
    pub(super) area: Disc,
    pub(super) gaps: Vec<Gap>,
    pub(super) opening: Option<Opening>,
    pub(super) pull: Option<Pull>,
    pub(super) creases: Vec<Crease>,
    pub(super) stains: Vec<Stain>,
    pub(super) strands: Vec<Strand>,
}

/// A stretch of one thread that is not there.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub(super) set: Set,
    pub(super) index: i32,
    /// Middle and half length along the thread, in pitches.
    pub(super) middle: f32,
    pub(super) half_length: f32,
}

/// A hole or a cut: a place without cloth.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) centre: V2,
    /// Unit vector along the long axis.
    pub(super) axis: V2,
    pub(super) half_length: f32,
    pub(super) half_width: f32,
    /// How far the outline strays, as a share of the half width.
    pub(super) ragged: f32,
    /// How far thread ends stand out beyond the outline, in field units.
    pub(super) fray: f32,
    /// Whether the edges were pushed apart (a cut) or the material is gone (a hole).
    pub(super) gaping: bool,
    pub(super) seed: u32,
}

/// A thread that was caught and drawn tight; it bunches the threads that cross it.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub(super) centre: V2,
    pub(super) along: V2,
    /// Reach along and across the thread in field units.
    pub(super) reach: f32,
    pub(super) width: f32,
    /// Share by which the crossing threads close up.
    pub(super) strength: f32,
    pub(super) height: f32,
}

/// A fold that was pressed in.
#[derive(Clone, Debug)]
pub(super) struct Crease {
    pub(super) centre: V2,
    pub(super) along: V2,
    pub(super) half_length: f32,
    pub(super) width: f32,
    /// Curvature of the line, per field unit.
    pub(super) bend: f32,
    /// Steepest slope of the ridge; negative for a valley.
    pub(super) slope: f32,
}

/// Oil that soaked in and spread along the threads.
#[derive(Clone, Debug)]
pub(super) struct Stain {
    pub(super) centre: V2,
    pub(super) radius: f32,
    pub(super) tint: Rgb,
    pub(super) gloss: f32,
    /// Width of the soaked border, as a share of the radius.
    pub(super) softness: f32,
    pub(super) seed: u32,
}

impl Damage {
    /// A cloth that differs within `reach` of `place`, but in nothing yet.
    pub(super) fn at(place: V2, reach: f32) -> Self {
        Self {
            area: Disc { centre: place, radius: reach },
            gaps: Vec::new(),
            opening: None,
            pull: None,
            creases: Vec::new(),
            stains: Vec::new(),
            strands: Vec::new(),
        }
    }

    /// From a point of the image to the point of the undamaged cloth that lies there now.
    pub(super) fn displacement(&self, p: V2) -> V2 {
        let mut moved = V2::ZERO;
        if let Some(pull) = &self.pull {
            let (along, across) = pull.local(p);
            let closing = pull.strength * along * bell(along / pull.reach) * bell(across / pull.width);
            moved = moved + pull.along * closing;
        }
        if let Some(opening) = &self.opening
            && opening.gaping
        {
            let local = (p - opening.centre).turned_back(opening.axis);
            let half_width = opening.half_width_at(local.x).max(0.0);
            let beyond = (local.y.abs() - half_width).max(0.0);
            let pushed = half_width.min(local.y.abs()) * (-beyond / (2.0 * opening.half_width)).exp();
            moved = moved + opening.axis.perpendicular() * (-pushed).copysign(-local.y);
        }
        for crease in &self.creases {
            let (across, share) = crease.local(p);
            let closing = 0.25 * crease.slope.abs() * across * bell(across / crease.width) * share;
            moved = moved + crease.along.perpendicular() * closing;
        }
        moved
    }

    /// Whether thread `index` of `set` is missing at the point `p` of the image, `along` pitches
    /// along the thread.
    pub(super) fn torn(&self, cloth: &Cloth, p: V2, set: Set, index: i32, along: f32) -> bool {
        let gap =
            |gap: &Gap| gap.set == set && gap.index == index && (along - gap.middle).abs() < gap.half_length;
        self.gaps.iter().any(gap)
            || self.opening.as_ref().is_some_and(|opening| {
                let fray = opening.fray * (0.5 + 0.5 * hash(index, 7, cloth.thread_seed(set)));
                opening.inside(p) > fray
            })
    }

    /// Slope of the cloth itself.
    pub(super) fn slope(&self, p: V2) -> V2 {
        let mut slope = V2::ZERO;
        for crease in &self.creases {
            let (across, share) = crease.local(p);
            // The ridge is a bell; this is its derivative, at most `crease.slope`.
            let x = across / crease.width;
            slope = slope + crease.along.perpendicular() * (-1.65 * x * bell(x) * crease.slope * share);
        }
        if let Some(pull) = &self.pull {
            let (along, across) = pull.local(p);
            let x = across / pull.width;
            let ridge = -1.65 * x * bell(x) * pull.height * bell(along / (1.3 * pull.reach));
            slope = slope + pull.along.perpendicular() * ridge;
        }
        if let Some(opening) = &self.opening {
            // The cloth curls at the edge of an opening.
            let depth = opening.inside(p);
            if depth < 0.0 && depth > -0.03 {
                let outward = (p - opening.centre).turned_back(opening.axis);
                let outward = V2::new(outward.x * opening.half_width / opening.half_length, outward.y);
                let outward = outward.normalized().turned(opening.axis);
                slope = slope + outward * (-0.55 * (1.0 + depth / 0.03).powi(2));
            }
        }
        slope
    }

    /// Tint and gloss that soaked-in oil adds at the point `p`, whose thread coordinates are `q`.
    pub(super) fn stain(&self, p: V2, q: V2) -> (Rgb, f32) {
        let (mut tint, mut gloss) = ([1.0; 3], 0.0);
        for stain in &self.stains {
            let amount = stain.amount(p, q);
            if amount > 0.0 {
                let layer = mixed([1.0; 3], stain.tint, amount);
                tint = std::array::from_fn(|c| f32::min(tint[c], layer[c]));
                gloss = f32::max(gloss, stain.gloss * amount);
            }
        }
        (tint, gloss)
    }
}

impl Pull {
    /// Distance along and across the pulled thread.
    fn local(&self, p: V2) -> (f32, f32) {
        let offset = p - self.centre;
        (offset.dot(self.along), offset.dot(self.along.perpendicular()))
    }
}

impl Crease {
    /// Distance across the fold, and how much of its height (0..=1) is left here along its length.
    fn local(&self, p: V2) -> (f32, f32) {
        let offset = p - self.centre;
        let along = offset.dot(self.along);
        let across = offset.dot(self.along.perpendicular()) - self.bend * along * along;
        (across, smoothstep(self.half_length, 0.15 * self.half_length, along.abs()))
    }
}

impl Opening {
    /// Half the width of a lens-shaped cut, `along` field units from its middle; negative beyond
    /// its ends.
    pub(super) fn half_width_at(&self, along: f32) -> f32 {
        let t = along / self.half_length;
        self.half_width * (1.0 - t * t)
    }

    /// How far inside the outline `p` is, in field units; negative outside.
    fn inside(&self, p: V2) -> f32 {
        let local = (p - self.centre).turned_back(self.axis);
        let ragged =
            self.ragged * self.half_width * fractal_noise(local * (1.3 / self.half_width), 3, self.seed);
        if self.gaping {
            return self.half_width_at(local.x) - local.y.abs() + ragged;
        }
        let round = V2::new(local.x * self.half_width / self.half_length, local.y);
        self.half_width - round.length() + 2.0 * ragged
    }
}

impl Stain {
    /// How much oil (0..=1) the cloth holds at `p`; wicking along the threads `q` makes the border
    /// finger-like.
    fn amount(&self, p: V2, q: V2) -> f32 {
        let distance = (p - self.centre).length() / self.radius;
        if distance > 1.9 {
            return 0.0;
        }
        let outline = fractal_noise((p - self.centre) * (1.2 / self.radius), 3, self.seed);
        let wicking = smooth_noise(V2::new(q.x * 0.9, q.y * 0.25), self.seed ^ 1)
            + smooth_noise(V2::new(q.x * 0.25, q.y * 0.9), self.seed ^ 2);
        let depth = 1.0 - distance + 0.55 * outline + 0.07 * wicking;
        let soaked = smoothstep(0.0, self.softness, depth);
        // Oil gathers at the border as it dries.
        let border = 0.18 * bell((depth - self.softness) / 0.12);
        (0.82 * soaked + border * soaked).min(1.0)
    }
}
