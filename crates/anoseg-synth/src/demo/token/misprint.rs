//! Ink on the face of a token, and what can go wrong while it is put there.

use super::super::canvas::Canvas;
use super::super::geometry::{Disc, V2, bell, lerp, smoothstep};
use super::super::noise::fractal_noise;
use super::Token;
use super::print::{Element, Ink};

/// How much of each sample of a canvas the two inks cover, in 0..=1: black, then red.
#[derive(Clone)]
pub(super) struct InkLayer {
    black: Vec<f32>,
    red: Vec<f32>,
}

/// A flaw of the print.
#[derive(Clone, Debug)]
pub(super) struct Misprint {
    /// What was printed instead of the artwork.
    pub(super) elements: Vec<Element>,
    pub(super) void: Option<Void>,
    pub(super) smear: Option<Smear>,
    /// A second, fainter print this far (field units) beside the first.
    pub(super) ghost: Option<V2>,
}

/// A place where the ink did not take.
#[derive(Clone, Debug)]
pub(super) struct Void {
    pub(super) area: Disc,
    /// How much of the ink is gone, 0..=1.
    pub(super) strength: f32,
    pub(super) seed: u32,
}

/// Ink that was wiped while wet.
#[derive(Clone, Debug)]
pub(super) struct Smear {
    pub(super) area: Disc,
    /// From where the ink stood to where it was dragged, in field units.
    pub(super) drag: V2,
}

impl InkLayer {
    /// The elements as printed on `token`, on a canvas like `canvas`.
    pub(super) fn new(token: &Token, elements: &[Element], canvas: &Canvas) -> Self {
        let mut layer = Self { black: vec![0.0; canvas.len()], red: vec![0.0; canvas.len()] };
        let sample = canvas.sample_size();
        for stroke in elements.iter().flat_map(|element| &element.strokes) {
            let path = [token.printed_at(stroke.from), token.printed_at(stroke.to)];
            let radius = stroke.radius * token.boldness * token.radius;
            let plane = match stroke.ink {
                Ink::Black => &mut layer.black,
                Ink::Red => &mut layer.red,
            };
            for near in canvas.near(&path, radius + sample) {
                let coverage = ((radius - near.distance.abs()) / sample + 0.5).clamp(0.0, 1.0);
                plane[near.index] = plane[near.index].max(coverage);
            }
        }
        layer
    }

    /// Coverage of sample `index` with black and with red.
    pub(super) fn at(&self, index: usize) -> [f32; 2] {
        [self.black[index], self.red[index]]
    }

    /// Replaces the coverage of each sample by `change(plane as it was, index, position)`.
    fn change(&mut self, canvas: &Canvas, change: impl Fn(&[f32], usize, V2) -> f32) {
        for plane in [&mut self.black, &mut self.red] {
            let before = plane.clone();
            for (index, value) in plane.iter_mut().enumerate() {
                *value = change(&before, index, canvas.position(index));
            }
        }
    }
}

impl Misprint {
    /// The flawed print on `token`.
    pub(super) fn printed(&self, token: &Token, canvas: &Canvas) -> InkLayer {
        let mut layer = InkLayer::new(token, &self.elements, canvas);
        if let Some(shift) = self.ghost {
            layer.change(canvas, |before, index, p| {
                before[index].max(0.5 * before[canvas.index_of(p - shift)])
            });
        }
        if let Some(smear) = &self.smear {
            layer.change(canvas, |before, index, p| smear.coverage(canvas, before, index, p));
        }
        if let Some(void) = &self.void {
            layer.change(canvas, |before, index, p| before[index] * void.kept(p));
        }
        layer
    }
}

impl Void {
    /// Share of the ink that is left at `p`.
    fn kept(&self, p: V2) -> f32 {
        let depth = 1.0 - (p - self.area.centre).length() / self.area.radius;
        if depth <= 0.0 {
            return 1.0;
        }
        let patches = fractal_noise((p - self.area.centre) * (2.5 / self.area.radius), 3, self.seed);
        1.0 - self.strength * smoothstep(0.0, 0.3, depth + 0.8 * patches)
    }
}

impl Smear {
    /// Coverage at `p` after the wipe: some ink stays, some lies anywhere along the drag, thinner
    /// and thinner.
    fn coverage(&self, canvas: &Canvas, before: &[f32], index: usize, p: V2) -> f32 {
        const STEPS: usize = 32;
        if !self.area.contains(p) {
            return before[index];
        }
        let share = 1.0 - bell((1.0 - (p - self.area.centre).length() / self.area.radius) * 4.0);
        let (mut dragged, mut total) = (0.0, 0.0);
        for step in 0..STEPS {
            let t = (step as f32 + 0.5) / STEPS as f32;
            let weight = 1.0 - 0.8 * t;
            dragged += weight * before[canvas.index_of(p - self.drag * t)];
            total += weight;
        }
        lerp(before[index], (0.55 * before[index]).max(1.4 * dragged / total).min(1.0), share)
    }
}
