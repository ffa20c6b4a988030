//! A woven cloth: two sets of threads in a 2/2 twill, at a scale that resolves single threads.

mod damage;
mod defects;

use super::canvas::{Canvas, Strand};
use super::geometry::{Disc, Rgb, V2, lerp, scaled, smoothstep, tinted, wandering_path};
use super::light::{Lamp, normal_of_slope};
use super::noise::{Dice, floor, hash, hash_pair, smooth_displacement, smooth_noise, smooth_noise_along};

pub(super) use damage::Damage;
pub(super) use defects::DEFECTS;

/// Threads along the short side of the image.
const THREADS_ACROSS: f32 = 40.0;
/// Colour of the table under the cloth, visible through holes.
const TABLE: Rgb = [0.016, 0.015, 0.014];
/// Height of a yarn over its centre line, in thread pitches.
const YARN_HEIGHT: f32 = 0.36;
/// How far a yarn's centre line dips and rises, in thread pitches.
const CRIMP: f32 = 0.34;

/// The two sets of threads of a weave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// Threads that run from top to bottom.
    Warp,
    /// Threads that run from side to side.
    Weft,
}

/// One piece of cloth as it lies under the camera.
#[derive(Clone, Debug)]
pub(super) struct Cloth {
    /// Unit vector along the weft.
    rotation: V2,
    /// Where thread 0 of both sets crosses.
    origin: V2,
    /// Distance between threads in field units.
    pitch: f32,
    warp: Rgb,
    weft: Rgb,
    lamp: Lamp,
    seed: u32,
    /// Stray ends of the cloth's own fibres, which every good piece has.
    fuzz: Vec<Strand>,
}

/// What one thread shows at a point.
struct Passage {
    index: i32,
    /// Across the thread, -1..1 from edge to edge.
    across: f32,
    /// Along the thread, in pitches.
    along: f32,
    /// Height of its surface over the cloth's middle plane, in pitches.
    height: f32,
    /// Slope of its surface across and along.
    slope: (f32, f32),
}

impl Cloth {
    /// A piece of cloth for an image that reaches `half_extent` from its middle.
    pub(super) fn new(dice: &mut Dice, half_extent: V2) -> Self {
        let shade = 1.0 + dice.within(0.05);
        let mut cloth = Self {
            rotation: V2::unit(dice.within(0.045)),
            origin: V2::new(dice.within(0.5), dice.within(0.5)),
            pitch: (1.0 + dice.within(0.02)) / THREADS_ACROSS,
            warp: scaled([0.082, 0.125, 0.19], shade),
            weft: scaled([0.36, 0.355, 0.33], shade),
            lamp: Lamp::upper_left(dice),
            seed: dice.seed(),
            fuzz: Vec::new(),
        };
        let area = 4.0 * half_extent.x.min(4.0) * half_extent.y.min(4.0);
        cloth.fuzz = (0..(45.0 * area) as usize).map(|_| cloth.fuzz_fibre(dice, half_extent)).collect();
        cloth
    }

    fn fuzz_fibre(&self, dice: &mut Dice, half_extent: V2) -> Strand {
        let start = V2::new(dice.within(half_extent.x), dice.within(half_extent.y));
        let curl = dice.within(0.25);
        let bends: Vec<f32> = (0..10).map(|_| curl + dice.within(0.35)).collect();
        let albedo = scaled(dice.pick([self.warp, self.weft, self.weft]), 1.25);
        let path = wandering_path(start, dice.angle(), self.pitch * dice.range(0.1, 0.3), bends);
        Strand {
            path,
            radius: self.pitch * 0.045,
            albedo,
            lift: self.pitch * 0.2,
            opacity: dice.range(0.25, 0.6),
        }
    }

    /// Draws the cloth without a flaw.
    pub(super) fn draw(&self, canvas: &mut Canvas) {
        canvas.paint(&Disc::EVERYWHERE, |_, p| self.colour(p, None));
        self.draw_fuzz(canvas);
    }

    /// Draws the cloth with and without its damage.
    pub(super) fn draw_pair(&self, canvas: &mut Canvas, damage: &Damage) -> Canvas {
        canvas.paint(&Disc::EVERYWHERE, |_, p| self.colour(p, None));
        let mut damaged = canvas.clone();
        damaged.paint(&damage.area, |_, p| self.colour(p, Some(damage)));
        self.draw_fuzz(canvas);
        self.draw_fuzz(&mut damaged);
        for strand in &damage.strands {
            damaged.draw_strand(strand, &self.lamp);
        }
        damaged
    }

    fn draw_fuzz(&self, canvas: &mut Canvas) {
        for strand in &self.fuzz {
            canvas.draw_strand(strand, &self.lamp);
        }
    }

    /// Thread coordinates of a point of the cloth: x counts warp threads, y counts weft threads.
    /// Threads of a real cloth wander.
    fn thread_coordinates(&self, p: V2) -> V2 {
        let straight = (p - self.origin).turned_back(self.rotation) * (1.0 / self.pitch);
        straight + smooth_displacement(straight * 0.13, self.seed ^ 0x10) * 0.45
    }

    /// The direction in which the threads of `set` run.
    fn direction(&self, set: Set) -> V2 {
        match set {
            Set::Warp => self.rotation.perpendicular(),
            Set::Weft => self.rotation,
        }
    }

    fn yarn_colour(&self, set: Set) -> Rgb {
        match set {
            Set::Warp => self.warp,
            Set::Weft => self.weft,
        }
    }

    fn thread_seed(&self, set: Set) -> u32 {
        self.seed ^ if set == Set::Warp { 0x5157 } else { 0xf11f }
    }

    /// What the thread of `set` that passes `q` (in thread coordinates) shows there; `None` between
    /// threads.
    fn passage(&self, set: Set, q: V2) -> Option<Passage> {
        let (side, along) = if set == Set::Warp { (q.x, q.y) } else { (q.y, q.x) };
        let (index, seed) = (floor(side), self.thread_seed(set));
        // Slubs: a spun yarn is thicker here and thinner there.
        let slub = smooth_noise_along(along * 0.23, index, seed ^ 2);
        let own = hash_pair(index, 1, seed);
        let half_width = 0.475 + 0.03 * own.x + 0.055 * slub;
        let across = (side - index as f32 - 0.5 - 0.05 * own.y) / half_width;
        if across.abs() >= 1.0 {
            return None;
        }
        let (crimp, crimp_slope) = crimp(set, index, along);
        let round = (1.0 - across * across).max(0.05).sqrt();
        let slope_across = -YARN_HEIGHT / half_width * across / round;
        let height = CRIMP * crimp + YARN_HEIGHT * round;
        Some(Passage { index, across, along, height, slope: (slope_across, CRIMP * crimp_slope) })
    }

    fn colour(&self, p: V2, damage: Option<&Damage>) -> Rgb {
        let light = self.lamp.at(p);
        let material = damage.map_or(p, |damage| p + damage.displacement(p));
        let q = self.thread_coordinates(material);
        let present = |set: Set| {
            let passage = self.passage(set, q)?;
            let torn = damage.is_some_and(|damage| damage.torn(self, p, set, passage.index, passage.along));
            (!torn).then_some((set, passage))
        };
        let top = match (present(Set::Warp), present(Set::Weft)) {
            (Some(warp), Some(weft)) => Some(if warp.1.height > weft.1.height { warp } else { weft }),
            (warp, weft) => warp.or(weft),
        };
        let Some((set, passage)) = top else {
            return scaled(TABLE, light.diffuse([0.0, 0.0, 1.0], 0.6));
        };
        let relief = damage.map_or(V2::ZERO, |damage| damage.slope(p));
        let (across, along) = passage.slope;
        let local = if set == Set::Warp { V2::new(across, along) } else { V2::new(along, across) };
        let normal = normal_of_slope(local.turned(self.rotation) * 0.75 + relief);
        let mut albedo = tinted(self.yarn_colour(set), [self.fibre_tone(set, &passage); 3]);
        let mut sheen = 0.05;
        if let Some(damage) = damage {
            let (tint, gloss) = damage.stain(p, q);
            albedo = tinted(albedo, tint);
            sheen += gloss;
        }
        let depth = smoothstep(-0.40, 0.62, passage.height);
        let open = lerp(0.30, 1.0, depth);
        let diffuse = scaled(albedo, light.diffuse(normal, open) * lerp(0.62, 1.0, depth));
        let shine = sheen * open * light.highlight(normal, 14);
        diffuse.map(|v| v + shine)
    }

    /// How much lighter or darker the fibres are here: dye lots differ from thread to thread, and
    /// twisted fibres show as oblique streaks.
    fn fibre_tone(&self, set: Set, passage: &Passage) -> f32 {
        let seed = self.thread_seed(set);
        let angle = passage.across * (1.0 + 0.35 * passage.across * passage.across);
        let streak = V2::new(passage.along * 3.1 + angle * 1.5, passage.index as f32 * 5.3 + angle * 1.1);
        let twist = smooth_noise(streak, seed ^ 3);
        let heather = smooth_noise_along(passage.along * 0.7, passage.index, seed ^ 4);
        1.0 + 0.07 * hash(passage.index, 3, seed) + 0.22 * twist + 0.11 * heather
    }
}

/// Where a thread's centre line lies (-1 under the crossing threads, 1 over them) and its slope,
/// `along` pitches along.
fn crimp(set: Set, index: i32, along: f32) -> (f32, f32) {
    let from = along - 0.5;
    let crossed = floor(from);
    let t = from - crossed as f32;
    let (here, there) = (over(set, index, crossed), over(set, index, crossed.wrapping_add(1)));
    let (step, slope) = (t * t * (3.0 - 2.0 * t), 6.0 * t * (1.0 - t));
    (lerp(here, there, step), (there - here) * slope)
}

/// 1 where thread `index` of `set` passes over thread `crossed` of the other set, else -1: a 2/2
/// twill.
fn over(set: Set, index: i32, crossed: i32) -> f32 {
    let warp_over = index.wrapping_add(crossed).rem_euclid(4) < 2;
    if warp_over == (set == Set::Warp) { 1.0 } else { -1.0 }
}
