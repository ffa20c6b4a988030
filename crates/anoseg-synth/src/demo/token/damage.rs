//! What damage does to the surface of a token.

use super::super::canvas::{Canvas, Grain, Strand};
use super::super::geometry::{Disc, Rgb, V2, bell, lerp, mixed, smoothstep, tinted};
use super::super::noise::{fractal_noise, smooth_noise};
use super::misprint::Misprint;
use super::{FACE_EDGE, Surface, Token};

/// What the token is made of, under paint and gloss.
const RAW: Rgb = [0.30, 0.285, 0.26];

/// The damage of one token. Places and sizes are in token coordinates unless said otherwise.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Damage {
    /// In field units: outside it the token itself is unchanged; only grains and strands may lie
    /// there.
    pub(super) area: Disc,
    pub(super) misprint: Option<Misprint>,
    pub(super) chip: Option<Chip>,
    pub(super) scratches: Vec<Scratch>,
    pub(super) dents: Vec<Dent>,
    pub(super) spots: Vec<Spot>,
    pub(super) fingerprint: Option<Fingerprint>,
    /// Crumbs on the token, in field units.
    pub(super) grains: Vec<Grain>,
    /// Hairs on the token, in field units.
    pub(super) strands: Vec<Strand>,
}

/// A piece broken off the rim.
#[derive(Clone, Debug)]
pub(super) struct Chip {
    pub(super) centre: V2,
    pub(super) radius: f32,
    /// How far the outline gives way in the middle of the chip, as a share of its radius.
    pub(super) bite: f32,
    pub(super) seed: u32,
}

/// A groove through paint and print.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    pub(super) path: Vec<V2>,
    pub(super) radius: f32,
    /// How deep: 0..=1.
    pub(super) depth: f32,
    pub(super) bare: Rgb,
    pub(super) seed: u32,
}

/// A hollow that something pressed in.
#[derive(Clone, Debug)]
pub(super) struct Dent {
    pub(super) centre: V2,
    /// Unit vector along the long axis.
    pub(super) axis: V2,
    pub(super) half_length: f32,
    pub(super) half_width: f32,
    /// Steepest slope of its wall; negative for a bump.
    pub(super) slope: f32,
}

/// A spot of the wrong colour.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) centre: V2,
    pub(super) radius: f32,
    pub(super) colour: Rgb,
    pub(super) opacity: f32,
    /// Width of its border, as a share of the radius.
    pub(super) softness: f32,
    pub(super) seed: u32,
}

/// Grease from a finger, in ridges.
#[derive(Clone, Debug)]
pub(super) struct Fingerprint {
    pub(super) centre: V2,
    pub(super) axis: V2,
    pub(super) radius: f32,
    pub(super) strength: f32,
    pub(super) seed: u32,
}

/// What a scratch did at one sample: the slope of its walls and how bare the material is (with its
/// colour).
#[derive(Clone, Copy, Debug)]
pub(super) struct Groove {
    slope: V2,
    bareness: f32,
    bare: Rgb,
}

impl Default for Groove {
    fn default() -> Self {
        Self { slope: V2::ZERO, bareness: 0.0, bare: [0.0; 3] }
    }
}

impl Damage {
    /// A token that differs within `radius` of `place` (field units), but in nothing yet.
    pub(super) fn at(place: V2, radius: f32) -> Self {
        Self {
            area: Disc { centre: place, radius },
            misprint: None,
            chip: None,
            scratches: Vec::new(),
            dents: Vec::new(),
            spots: Vec::new(),
            fingerprint: None,
            grains: Vec::new(),
            strands: Vec::new(),
        }
    }

    /// How far the outline of the token gives way in the direction of `q`.
    pub(super) fn bite(&self, q: V2) -> f32 {
        self.chip.as_ref().map_or(0.0, |chip| chip.bite * chip.radius * chip.depth(q).clamp(0.0, 1.0))
    }

    /// Scratches drawn on the samples of `canvas`; empty if there are none.
    pub(super) fn grooves(&self, token: &Token, canvas: &Canvas) -> Vec<Groove> {
        if self.scratches.is_empty() {
            return Vec::new();
        }
        let mut grooves = vec![Groove::default(); canvas.len()];
        let sample = canvas.sample_size();
        for scratch in &self.scratches {
            let path: Vec<V2> = scratch.path.iter().map(|&q| token.image_coordinates(q)).collect();
            for near in canvas.near(&path, 2.2 * scratch.radius * token.radius + sample) {
                // A tool that skips leaves the groove deeper here and shallower there.
                let skips = smooth_noise(V2::new(near.along * 17.0, 0.0), scratch.seed);
                let taper = smoothstep(0.0, 0.12, near.along.min(1.0 - near.along));
                let depth = scratch.depth * taper * (0.8 + 0.5 * skips).clamp(0.0, 1.0);
                let radius = scratch.radius * token.radius;
                let across = near.distance / radius.max(0.5 * sample);
                let groove = &mut grooves[near.index];
                let wall = near.direction.perpendicular().turned_back(token.rotation);
                // Walls fall towards the middle and rise to a burr on either side.
                groove.slope =
                    groove.slope + wall * (1.8 * depth * across * (1.2 - across * across) * bell(across));
                let coverage = ((radius - near.distance.abs()) / sample + 0.5).clamp(0.0, 1.0);
                if coverage * depth > groove.bareness {
                    groove.bareness = coverage * depth;
                    groove.bare = scratch.bare;
                }
            }
        }
        grooves
    }

    /// Changes the surface at `q`, `r` from the middle.
    pub(super) fn alter(&self, q: V2, r: f32, groove: Groove, surface: &mut Surface) {
        for spot in &self.spots {
            let amount = spot.amount(q);
            surface.albedo = mixed(surface.albedo, spot.colour, amount);
        }
        if let Some(fingerprint) = &self.fingerprint {
            fingerprint.soil(q, surface);
        }
        for dent in &self.dents {
            surface.slope = surface.slope + dent.slope_at(q);
        }
        surface.slope = surface.slope + groove.slope;
        surface.albedo = mixed(surface.albedo, groove.bare, groove.bareness);
        surface.gloss *= 1.0 - 0.7 * groove.bareness;
        if let Some(chip) = &self.chip {
            chip.break_open(q, r, surface);
        }
    }
}

impl Chip {
    /// How deep inside the chip `q` is: 1 in the middle, 0 on its outline, negative outside.
    fn depth(&self, q: V2) -> f32 {
        let offset = q - self.centre;
        if offset.length() > 1.6 * self.radius {
            return -1.0;
        }
        let ragged = fractal_noise(offset * (2.2 / self.radius), 3, self.seed);
        1.0 - offset.length() / self.radius + 0.45 * ragged
    }

    /// Replaces the moulded surface by the shell-like fracture of a brittle material.
    fn break_open(&self, q: V2, r: f32, surface: &mut Surface) {
        let depth = self.depth(q);
        if depth <= 0.0 {
            return;
        }
        let offset = q - self.centre;
        let broken = smoothstep(0.0, 0.06, depth);
        let ripples = (offset.length() / self.radius * 16.0).sin() * 0.22;
        let facet = |seed| 0.75 * smooth_noise(offset * (3.2 / self.radius), seed);
        // The wall of the fracture drops from the face towards the outside.
        let wall = q.normalized() * (-0.7) + offset.normalized() * (0.5 + ripples);
        let fracture = wall + V2::new(facet(self.seed ^ 1), facet(self.seed ^ 2));
        surface.slope = surface.slope * (1.0 - broken) + fracture * broken;
        let grit = 1.0 + 0.22 * smooth_noise(offset * (14.0 / self.radius), self.seed ^ 3);
        surface.albedo = mixed(surface.albedo, RAW.map(|v| v * grit), broken);
        surface.gloss = lerp(surface.gloss, 0.03, broken);
        let open = if r < FACE_EDGE { surface.open } else { 1.0 };
        surface.open = lerp(surface.open, open.max(0.8), broken);
    }
}

impl Dent {
    /// Slope of the hollow at `q`: the derivative of a bell, at most `slope`.
    fn slope_at(&self, q: V2) -> V2 {
        let local = (q - self.centre).turned_back(self.axis);
        let scaled = V2::new(local.x / self.half_length, local.y / self.half_width);
        let steepness = 1.65 * self.slope * bell(scaled.length());
        let along = scaled.x * self.half_width / self.half_length;
        (V2::new(along, scaled.y) * steepness).turned(self.axis)
    }
}

impl Spot {
    /// How much (0..=1) of the spot's colour shows at `q`.
    fn amount(&self, q: V2) -> f32 {
        let distance = (q - self.centre).length() / self.radius;
        if distance > 1.7 {
            return 0.0;
        }
        let ragged = fractal_noise((q - self.centre) * (1.6 / self.radius), 3, self.seed);
        self.opacity * smoothstep(0.0, self.softness, 1.0 - distance + 0.5 * ragged)
    }
}

impl Fingerprint {
    /// Dulls and darkens the surface along the ridges of the finger.
    fn soil(&self, q: V2, surface: &mut Surface) {
        let local = (q - self.centre).turned_back(self.axis) * (1.0 / self.radius);
        let oval = V2::new(local.x, local.y * 0.72);
        let pressed = smoothstep(1.0, 0.6, oval.length() + 0.25 * smooth_noise(local * 2.2, self.seed));
        if pressed <= 0.0 {
            return;
        }
        // A loop: ridges run round a point below the middle, a little disturbed.
        let core = local - V2::new(0.1, 0.3);
        let phase = core.length() * 46.0 + 2.2 * smooth_noise(local * 1.8, self.seed ^ 1);
        let ridge = 0.55 + 0.45 * phase.sin();
        let amount = self.strength * pressed * (0.35 + 0.65 * ridge);
        surface.albedo = mixed(surface.albedo, tinted(surface.albedo, [0.45, 0.40, 0.30]), amount);
        surface.gloss = lerp(surface.gloss, 0.16, amount);
    }
}
