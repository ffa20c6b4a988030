//! Points, directions and smooth steps.
//!
//! Scenes are drawn in *field units*: the origin is the middle of the image, `x` points right, `y`
//! down, and the short side of the image is 1 long, so that a part is the same at every resolution.

use std::ops::{Add, Mul, Sub};

/// A point or a direction in the image plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct V2 {
    pub(super) x: f32,
    pub(super) y: f32,
}

impl V2 {
    pub(super) const ZERO: Self = Self { x: 0.0, y: 0.0 };

    pub(super) fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The unit vector at `angle` radians from the x axis.
    pub(super) fn unit(angle: f32) -> Self {
        Self { x: angle.cos(), y: angle.sin() }
    }

    pub(super) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// This vector at length 1; the x axis for a vector without a direction.
    pub(super) fn normalized(self) -> Self {
        let length = self.length();
        if length > 1e-12 { self * (1.0 / length) } else { Self::new(1.0, 0.0) }
    }

    /// This vector turned by a quarter.
    pub(super) fn perpendicular(self) -> Self {
        Self { x: -self.y, y: self.x }
    }

    /// This vector turned by the angle of the unit vector `by` (a product of complex numbers).
    pub(super) fn turned(self, by: Self) -> Self {
        Self { x: self.x * by.x - self.y * by.y, y: self.x * by.y + self.y * by.x }
    }

    /// This vector turned back by the angle of the unit vector `by`.
    pub(super) fn turned_back(self, by: Self) -> Self {
        self.turned(Self { x: by.x, y: -by.y })
    }
}

impl Add for V2 {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y }
    }
}

impl Sub for V2 {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { x: self.x - other.x, y: self.y - other.y }
    }
}

impl Mul<f32> for V2 {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        Self { x: self.x * factor, y: self.y * factor }
    }
}

/// The part of the image that something may change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disc {
    pub(super) centre: V2,
    pub(super) radius: f32,
}

impl Disc {
    /// The whole plane.
    pub(super) const EVERYWHERE: Self = Self { centre: V2::ZERO, radius: f32::INFINITY };

    /// Whether `p` lies inside.
    pub(super) fn contains(&self, p: V2) -> bool {
        let offset = p - self.centre;
        offset.dot(offset) <= self.radius * self.radius
    }
}

/// Linear-light red, green, blue.
pub(super) type Rgb = [f32; 3];

/// `colour` times `factor`.
pub(super) fn scaled(colour: Rgb, factor: f32) -> Rgb {
    colour.map(|v| v * factor)
}

/// The blend `from + (to - from) * t`.
pub(super) fn mixed(from: Rgb, to: Rgb, t: f32) -> Rgb {
    std::array::from_fn(|c| lerp(from[c], to[c], t))
}

/// The product of two colours, channel by channel.
pub(super) fn tinted(colour: Rgb, tint: Rgb) -> Rgb {
    std::array::from_fn(|c| colour[c] * tint[c])
}

/// The blend `from + (to - from) * t`.
pub(super) fn lerp(from: f32, to: f32, t: f32) -> f32 {
    from + (to - from) * t
}

/// Hermite step: 0 below `from`, 1 above `to`, smooth between; runs downwards when `from > to`.
pub(super) fn smoothstep(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The bell `exp(-x^2 / 2)`.
pub(super) fn bell(x: f32) -> f32 {
    (-0.5 * x * x).exp()
}

/// A smooth path from `start` in segments of length `step`, as a hair or a scratch lies: before
/// each segment the heading (radians) turns by the next of `bends`.
pub(super) fn wandering_path(
    start: V2,
    heading: f32,
    step: f32,
    bends: impl IntoIterator<Item = f32>,
) -> Vec<V2> {
    let mut points = vec![start];
    let (mut at, mut heading) = (start, heading);
    for bend in bends {
        heading += bend;
        at = at + V2::unit(heading) * step;
        points.push(at);
    }
    points
}
