//! One lamp over the part, and the light that a surface reflects to the camera above.

use super::geometry::V2;
use super::noise::Dice;

/// A lamp near the part, with light from all around besides.
#[derive(Clone, Debug)]
pub(super) struct Lamp {
    /// Where it hangs over the image plane, in field units; z is the height.
    position: [f32; 3],
    /// Irradiance from the lamp in the middle of the field.
    key: f32,
    /// Irradiance from all around.
    ambient: f32,
}

/// The light that reaches one point of the part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incident {
    toward_lamp: [f32; 3],
    halfway: [f32; 3],
    key: f32,
    ambient: f32,
}

impl Lamp {
    /// A lamp at the upper left with a slightly random position.
    pub(super) fn upper_left(dice: &mut Dice) -> Self {
        let position = [-0.75 + dice.within(0.10), -0.85 + dice.within(0.10), 1.25 + dice.within(0.08)];
        Self { position, key: 0.82 + dice.within(0.04), ambient: 0.26 + dice.within(0.02) }
    }

    /// The light that reaches `p`; it falls off with the square of the distance to the lamp.
    pub(super) fn at(&self, p: V2) -> Incident {
        let squared = |v: [f32; 3]| v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
        let to_lamp = [self.position[0] - p.x, self.position[1] - p.y, self.position[2]];
        let distance_squared = squared(to_lamp);
        let toward_lamp = normalized(to_lamp);
        let halfway = normalized([toward_lamp[0], toward_lamp[1], toward_lamp[2] + 1.0]);
        let key = self.key * squared(self.position) / distance_squared;
        Incident { toward_lamp, halfway, key, ambient: self.ambient }
    }

    /// Where the shadow of a point `height` above the plane falls, relative to that point.
    pub(super) fn shadow_offset(&self, height: f32) -> V2 {
        V2::new(self.position[0], self.position[1]) * (-height / self.position[2])
    }
}

impl Incident {
    /// Irradiance of a surface with unit normal `normal`, with the share `open` (0..=1) of the lamp
    /// unobstructed.
    pub(super) fn diffuse(&self, normal: [f32; 3], open: f32) -> f32 {
        let facing = dot(normal, self.toward_lamp).max(0.0);
        self.key * facing * open + self.ambient * (0.4 + 0.6 * normal[2].max(0.0))
    }

    /// Blinn-Phong highlight of a surface with unit normal `normal`: the sharper, the larger
    /// `exponent`.
    #[inline]
    pub(super) fn highlight(&self, normal: [f32; 3], exponent: i32) -> f32 {
        self.key * dot(normal, self.halfway).max(0.0).powi(exponent)
    }

    /// Kajiya-Kay highlight of a surface brushed along the unit direction `along`.
    #[inline]
    pub(super) fn brushed_highlight(&self, along: [f32; 3], exponent: i32) -> f32 {
        let cosine = dot(along, self.halfway);
        self.key * (1.0 - cosine * cosine).max(0.0).powi(exponent / 2)
    }
}

/// The unit normal of a height field with the given slope (its gradient).
pub(super) fn normal_of_slope(slope: V2) -> [f32; 3] {
    normalized([-slope.x, -slope.y, 1.0])
}

/// `v` at length 1.
pub(super) fn normalized(v: [f32; 3]) -> [f32; 3] {
    let inverse = 1.0 / dot(v, v).max(1e-12).sqrt();
    v.map(|x| x * inverse)
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
