//! A moulded token: a knurled dark rim around a light face with print on it, a metal rivet in the
//! middle, on a mat.

mod damage;
mod defects;
mod misprint;
mod print;

use super::canvas::{Canvas, Grain};
use super::geometry::{Disc, Rgb, V2, lerp, mixed, scaled, smoothstep};
use super::light::{Incident, Lamp, normal_of_slope};
use super::noise::{Dice, smooth_noise};

pub(super) use damage::Damage;
pub(super) use defects::DEFECTS;

use misprint::InkLayer;

/// Radius of the token in field units.
const RADIUS: f32 = 0.40;
/// Size of a loose token relative to one that is held.
const LOOSE: f32 = 0.7;
/// A loose token and its shadow keep away from the border by so many field units.
const LOOSE_MARGIN: f32 = 0.03;
/// Where the face ends and the rim begins, in token radii.
const FACE_EDGE: f32 = 0.835;
/// Radius of the rivet, in token radii.
const RIVET: f32 = 0.078;
/// Notches of the knurled rim.
const KNURLS: f32 = 72.0;

const RED_INK: Rgb = [0.40, 0.028, 0.022];
const BLACK_INK: Rgb = [0.018, 0.018, 0.022];

/// One token as it lies under the camera.
#[derive(Clone, Debug)]
pub(super) struct Token {
    centre: V2,
    /// Unit vector to the right of the print.
    rotation: V2,
    radius: f32,
    /// How far the print is off its place (token radii) and its angle (unit vector), within
    /// tolerance.
    registration: (V2, V2),
    /// Line width relative to the artwork.
    boldness: f32,
    face: Rgb,
    rim: Rgb,
    mat: Rgb,
    lamp: Lamp,
    seed: u32,
    /// A little dust, which good images have too.
    dust: Vec<Grain>,
}

/// What of the token's surface meets the light at a point, in token coordinates.
struct Surface {
    slope: V2,
    albedo: Rgb,
    /// Strength of the sharp highlight.
    gloss: f32,
    /// Unobstructed share of the lamp.
    open: f32,
}

impl Token {
    /// A token near the middle of an image that reaches `half_extent` from there.
    pub(super) fn new(dice: &mut Dice, half_extent: V2) -> Self {
        let shade = 1.0 + dice.within(0.03);
        let warmth = dice.within(0.02);
        let mut token = Self {
            centre: V2::new(dice.within(0.018), dice.within(0.018)),
            rotation: V2::unit(dice.within(0.06)),
            radius: RADIUS * (1.0 + dice.within(0.012)),
            registration: (V2::new(dice.within(0.006), dice.within(0.006)), V2::unit(dice.within(0.01))),
            boldness: 1.0 + dice.within(0.10),
            face: scaled([0.60 + warmth, 0.585, 0.53 - warmth], shade),
            rim: scaled([0.022, 0.040, 0.062], 1.0 + dice.within(0.1)),
            mat: scaled([0.150, 0.152, 0.150], 1.0 + dice.within(0.06)),
            lamp: Lamp::upper_left(dice),
            seed: dice.seed(),
            dust: Vec::new(),
        };
        token.dust = (0..dice.below(9))
            .map(|_| Grain {
                centre: V2::new(dice.within(half_extent.x), dice.within(half_extent.y)),
                radius: dice.range(0.0008, 0.0018),
                albedo: dice.pick([[0.30; 3], [0.42; 3], [0.20; 3]]),
                seed: dice.seed(),
            })
            .collect();
        token
    }

    /// A smaller token anywhere in the image, turned to any side.
    pub(super) fn loose(dice: &mut Dice, half_extent: V2) -> Self {
        let mut token = Self::new(dice, half_extent);
        token.radius *= LOOSE;
        let reach = |half: f32| (half - token.radius - LOOSE_MARGIN).max(0.0);
        token.centre = V2::new(dice.within(reach(half_extent.x)), dice.within(reach(half_extent.y)));
        token.rotation = V2::unit(dice.angle());
        token
    }

    /// Draws the token without a flaw.
    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let ink = InkLayer::new(self, &print::artwork(), canvas);
        canvas.paint(&Disc::EVERYWHERE, |index, p| self.colour(p, ink.at(index), None));
        self.draw_dust(canvas);
    }

    /// Draws the token without its damage on `canvas`, and returns it with its damage.
    pub(super) fn draw_pair(&self, canvas: &mut Canvas, damage: &Damage) -> Canvas {
        let ink = InkLayer::new(self, &print::artwork(), canvas);
        canvas.paint(&Disc::EVERYWHERE, |index, p| self.colour(p, ink.at(index), None));
        let mut damaged = canvas.clone();
        let ink = damage.misprint.as_ref().map_or(ink, |misprint| misprint.printed(self, canvas));
        let grooves = damage.grooves(self, canvas);
        damaged.paint(&damage.area, |index, p| {
            let groove = grooves.get(index).copied().unwrap_or_default();
            self.colour(p, ink.at(index), Some((damage, groove)))
        });
        self.draw_dust(canvas);
        self.draw_dust(&mut damaged);
        for grain in &damage.grains {
            damaged.draw_grain(grain, &self.lamp);
        }
        for strand in &damage.strands {
            damaged.draw_strand(strand, &self.lamp);
        }
        damaged
    }

    fn draw_dust(&self, canvas: &mut Canvas) {
        for grain in &self.dust {
            canvas.draw_grain(grain, &self.lamp);
        }
    }

    /// From the image to the token: origin in its middle, radius 1, print upright.
    fn token_coordinates(&self, p: V2) -> V2 {
        (p - self.centre).turned_back(self.rotation) * (1.0 / self.radius)
    }

    /// From the token to the image.
    pub(super) fn image_coordinates(&self, q: V2) -> V2 {
        self.centre + q.turned(self.rotation) * self.radius
    }

    /// Where a point of the artwork was printed, in the image.
    fn printed_at(&self, q: V2) -> V2 {
        let (shift, turn) = self.registration;
        self.image_coordinates(q.turned(turn) + shift)
    }

    fn colour(&self, p: V2, ink: [f32; 2], damage: Option<(&Damage, damage::Groove)>) -> Rgb {
        let q = self.token_coordinates(p);
        let light = self.lamp.at(p);
        let r = q.length();
        let outline = 1.0 - damage.map_or(0.0, |(damage, _)| damage.bite(q));
        if r >= outline {
            return self.mat_colour(p, (r - outline) * self.radius, &light);
        }
        if r < RIVET {
            return self.rivet_colour(q, &light);
        }
        let mut surface = self.surface(q, r, ink);
        if let Some((damage, groove)) = damage {
            damage.alter(q, r, groove, &mut surface);
        }
        let normal = normal_of_slope(surface.slope.turned(self.rotation));
        let shine = surface.gloss * light.highlight(normal, 60) + 0.035 * light.highlight(normal, 8);
        scaled(surface.albedo, light.diffuse(normal, surface.open)).map(|v| v + shine * surface.open)
    }

    /// The undamaged surface at `q`, `r` from the middle, where the two inks cover `ink`.
    fn surface(&self, q: V2, r: f32, ink: [f32; 2]) -> Surface {
        let outward = q * (1.0 / r.max(1e-6));
        let peel = smooth_noise(q * 34.0, self.seed ^ 1) * 0.018;
        let wave = smooth_noise(q * 3.0, self.seed ^ 2) * 0.012;
        let mut slope = V2::new(peel + wave, peel - wave);
        let on_rim = smoothstep(FACE_EDGE - 0.006, FACE_EDGE + 0.006, r);
        let mut open = 1.0;
        let mut albedo = self.face;
        if on_rim > 0.0 {
            let inner = smoothstep(0.832, 0.848, r) * smoothstep(0.885, 0.862, r);
            let outer = smoothstep(0.93, 1.0, r);
            slope = slope + outward * (1.15 * inner - 1.9 * outer);
            let knurled = smoothstep(0.935, 0.955, r);
            if knurled > 0.0 {
                let wave = (q.y.atan2(q.x) * KNURLS).sin();
                slope = slope + outward.perpendicular() * (0.42 * knurled * wave);
            }
            albedo = mixed(self.face, self.rim, on_rim);
        }
        if on_rim < 1.0 {
            // Ink lies thicker here and thinner there.
            let density = 0.94 + 0.05 * smooth_noise(q * 26.0, self.seed ^ 3);
            let printed = mixed(mixed(self.face, BLACK_INK, ink[0] * density), RED_INK, ink[1] * density);
            albedo = mixed(printed, self.rim, on_rim);
            open = self.open_on_face(q, r);
        }
        Surface { slope, albedo, gloss: lerp(0.05, 0.42, on_rim), open }
    }

    /// Share of the lamp that the raised rim and the rivet do not hide from the face.
    fn open_on_face(&self, q: V2, r: f32) -> f32 {
        let fall = self.lamp.shadow_offset(0.045).turned_back(self.rotation);
        let from_rim = smoothstep(0.80, 0.90, (q - fall).length());
        let from_rivet = smoothstep(RIVET + 0.03, RIVET - 0.01, (q - fall * 0.55).length());
        let corner = smoothstep(FACE_EDGE - 0.05, FACE_EDGE, r);
        (1.0 - 0.62 * from_rim - 0.2 * corner).max(0.2) * (1.0 - 0.45 * from_rivet)
    }

    /// The rivet: a turned metal dome that mirrors the room.
    fn rivet_colour(&self, q: V2, light: &Incident) -> Rgb {
        let r = q.length() / RIVET;
        let outward = q * (1.0 / (r * RIVET).max(1e-6));
        let turned_marks = 0.05 * smooth_noise(V2::new(r * 14.0, 0.0), self.seed ^ 4);
        let normal =
            normal_of_slope((outward * (-0.25 * r - 1.6 * smoothstep(0.7, 1.0, r))).turned(self.rotation));
        let around = outward.perpendicular().turned(self.rotation);
        let brushed = light.brushed_highlight([around.x, around.y, 0.0], 40);
        let room = 0.10 + 0.16 * normal[2] + turned_marks;
        let value =
            (room + 0.38 * brushed + 0.5 * light.highlight(normal, 30)) * smoothstep(1.0, 0.9, r).max(0.25);
        [value * 1.02, value, value * 0.96]
    }

    /// The mat at `p`, `gap` field units from the token's outline, in its shadow or not.
    fn mat_colour(&self, p: V2, gap: f32, light: &Incident) -> Rgb {
        let weave =
            smooth_noise(p * 170.0, self.seed ^ 5) * 0.09 + smooth_noise(p * 60.0, self.seed ^ 6) * 0.05;
        let cloudy = smooth_noise(p * 5.0, self.seed ^ 7) * 0.05;
        let from_shadow = (p - self.centre - self.lamp.shadow_offset(0.055)).length() - self.radius;
        let open = 1.0 - 0.8 * smoothstep(0.028, -0.028, from_shadow);
        let contact = 1.0 - 0.5 * (-gap / 0.010).exp();
        let diffuse = light.diffuse([0.0, 0.0, 1.0], open) * contact;
        scaled(self.mat, diffuse * (1.0 + weave + cloudy))
    }
}
