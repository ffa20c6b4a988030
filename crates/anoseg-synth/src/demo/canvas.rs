//! The supersampled linear-light image that scenes are drawn on.

use super::geometry::{Disc, Rgb, V2, lerp, mixed, scaled, smoothstep};
use super::light::{Lamp, normalized};
use super::noise::smooth_noise;

/// Samples per pixel along each axis.
pub(super) const SUPERSAMPLING: usize = 2;

/// Linear-light samples, row by row, `SUPERSAMPLING` per pixel along each axis.
#[derive(Clone)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    /// Samples per field unit.
    scale: f32,
    samples: Vec<Rgb>,
}

/// A sample close to a path.
pub(super) struct Near {
    /// Which sample of the canvas.
    pub(super) index: usize,
    /// Signed distance to the path in field units; positive on the right-hand side of its
    /// direction.
    pub(super) distance: f32,
    /// How far along the path the closest point is, in 0..=1.
    pub(super) along: f32,
    /// Unit direction of the path there.
    pub(super) direction: V2,
}

/// A thin round thing that lies on the part: a hair, a yarn end.
#[derive(Clone, Debug)]
pub(super) struct Strand {
    pub(super) path: Vec<V2>,
    pub(super) radius: f32,
    pub(super) albedo: Rgb,
    /// Height above the part in field units, which moves and softens its shadow.
    pub(super) lift: f32,
    /// 0..=1; fine hairs let light through.
    pub(super) opacity: f32,
}

/// A crumb that lies on the part.
#[derive(Clone, Debug)]
pub(super) struct Grain {
    pub(super) centre: V2,
    pub(super) radius: f32,
    pub(super) albedo: Rgb,
    /// Seed of its outline and facets.
    pub(super) seed: u32,
}

impl Canvas {
    /// A black canvas for an image of `width` x `height` pixels.
    pub(super) fn new(width: usize, height: usize) -> Self {
        let scale = (width.min(height).max(1) * SUPERSAMPLING) as f32;
        let (width, height) = (width * SUPERSAMPLING, height * SUPERSAMPLING);
        Self { width, height, scale, samples: vec![[0.0; 3]; width * height] }
    }

    /// Width of the image in pixels.
    pub(super) fn pixel_width(&self) -> usize {
        self.width / SUPERSAMPLING
    }

    /// Height of the image in pixels.
    pub(super) fn pixel_height(&self) -> usize {
        self.height / SUPERSAMPLING
    }

    /// The side of a sample in field units.
    pub(super) fn sample_size(&self) -> f32 {
        1.0 / self.scale
    }

    /// Half the image's width and height in field units.
    pub(super) fn half_extent(&self) -> V2 {
        V2::new(self.width as f32, self.height as f32) * (0.5 / self.scale)
    }

    /// How many samples there are.
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// One row of samples.
    pub(super) fn row(&self, y: usize) -> &[Rgb] {
        &self.samples[y * self.width..(y + 1) * self.width]
    }

    /// Where the sample `index` lies, in field units.
    pub(super) fn position(&self, index: usize) -> V2 {
        self.position_at(index % self.width, index / self.width)
    }

    fn position_at(&self, x: usize, y: usize) -> V2 {
        let half = self.half_extent();
        V2::new((x as f32 + 0.5) / self.scale - half.x, (y as f32 + 0.5) / self.scale - half.y)
    }

    /// The sample that `p` falls on; the closest one for a point outside.
    pub(super) fn index_of(&self, p: V2) -> usize {
        let (x0, _, y0, _) = self.clipped(p, p);
        y0.min(self.height - 1) * self.width + x0.min(self.width - 1)
    }

    /// Sets every sample within `area` to `colour(index, position)`.
    pub(super) fn paint(&mut self, area: &Disc, mut colour: impl FnMut(usize, V2) -> Rgb) {
        let margin = V2::new(area.radius, area.radius);
        let (x0, x1, y0, y1) = self.clipped(area.centre - margin, area.centre + margin);
        for y in y0..y1 {
            for x in x0..x1 {
                let p = self.position_at(x, y);
                if area.contains(p) {
                    self.samples[y * self.width + x] = colour(y * self.width + x, p);
                }
            }
        }
    }

    /// The samples within `reach` of the polyline `path`, each once, with its closest point on the
    /// path.
    pub(super) fn near(&self, path: &[V2], reach: f32) -> Vec<Near> {
        let margin = V2::new(reach, reach);
        let low = path.iter().fold(V2::new(f32::MAX, f32::MAX), |a, p| V2::new(a.x.min(p.x), a.y.min(p.y)));
        let high = path.iter().fold(V2::new(f32::MIN, f32::MIN), |a, p| V2::new(a.x.max(p.x), a.y.max(p.y)));
        let (x0, x1, y0, y1) = self.clipped(low - margin, high + margin);
        if path.len() < 2 || x0 >= x1 || y0 >= y1 {
            return Vec::new();
        }
        let mut closest: Vec<Option<Near>> = Vec::new();
        closest.resize_with((x1 - x0) * (y1 - y0), || None);
        let total: f32 = path.windows(2).map(|pair| (pair[1] - pair[0]).length()).sum();
        let mut before = 0.0;
        for pair in path.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let (length, direction) = ((b - a).length(), (b - a).normalized());
            let low = V2::new(a.x.min(b.x), a.y.min(b.y)) - margin;
            let high = V2::new(a.x.max(b.x), a.y.max(b.y)) + margin;
            let (sx0, sx1, sy0, sy1) = self.clipped(low, high);
            for y in sy0..sy1 {
                for x in sx0..sx1 {
                    let from_a = self.position_at(x, y) - a;
                    let along = from_a.dot(direction).clamp(0.0, length);
                    let offset = from_a - direction * along;
                    let distance = offset.length();
                    let slot = &mut closest[(y - y0) * (x1 - x0) + x - x0];
                    if distance <= reach && slot.as_ref().is_none_or(|near| near.distance.abs() > distance) {
                        let distance = distance.copysign(offset.dot(direction.perpendicular()));
                        let along = (before + along) / total.max(1e-12);
                        *slot = Some(Near { index: y * self.width + x, distance, along, direction });
                    }
                }
            }
            before += length;
        }
        closest.into_iter().flatten().collect()
    }

    /// Columns `x0..x1` and rows `y0..y1` of the samples in the box from `low` to `high`.
    fn clipped(&self, low: V2, high: V2) -> (usize, usize, usize, usize) {
        let half = self.half_extent();
        // A float cast to usize saturates, so that points far outside are safe.
        let cell = |v: f32, half: f32| ((v + half) * self.scale).floor().max(0.0) as usize;
        let after = |v: f32, half: f32| (((v + half) * self.scale).ceil().max(0.0)) as usize;
        (
            cell(low.x, half.x).min(self.width),
            after(high.x, half.x).min(self.width),
            cell(low.y, half.y).min(self.height),
            after(high.y, half.y).min(self.height),
        )
    }

    /// Lays a strand on the part, with its shadow.
    pub(super) fn draw_strand(&mut self, strand: &Strand, lamp: &Lamp) {
        let offset = lamp.shadow_offset(strand.radius + strand.lift);
        let shadow_path: Vec<V2> = strand.path.iter().map(|&p| p + offset).collect();
        let softness = strand.radius * 0.8 + strand.lift * 0.6 + self.sample_size();
        for near in self.near(&shadow_path, strand.radius + softness) {
            let edge = smoothstep(strand.radius + softness, strand.radius - softness, near.distance.abs());
            let shade = 1.0 - 0.5 * strand.opacity * edge;
            self.samples[near.index] = scaled(self.samples[near.index], shade);
        }
        let sample = self.sample_size();
        for near in self.near(&strand.path, strand.radius + sample) {
            let radius = strand.radius * smoothstep(-0.02, 0.05, near.along.min(1.0 - near.along));
            let coverage = ((radius - near.distance.abs()) / sample + 0.5).clamp(0.0, 1.0) * strand.opacity;
            if coverage > 0.0 {
                let side = near.direction.perpendicular();
                let across = (near.distance / radius.max(1e-9)).clamp(-1.0, 1.0);
                let up = (1.0 - across * across).max(0.04).sqrt();
                let normal = normalized([side.x * across, side.y * across, up]);
                let light = lamp.at(self.position(near.index));
                let shine = 0.06 * light.highlight(normal, 24);
                let colour = scaled(strand.albedo, light.diffuse(normal, 1.0)).map(|v| v + shine);
                self.samples[near.index] = mixed(self.samples[near.index], colour, coverage);
            }
        }
    }

    /// Lays a crumb on the part, with its shadow.
    pub(super) fn draw_grain(&mut self, grain: &Grain, lamp: &Lamp) {
        let sample = self.sample_size();
        // The outline of the crumb: its radius in the direction of `offset`.
        let outline = |offset: V2| {
            let around = offset.normalized();
            grain.radius * (1.0 + 0.35 * smooth_noise(around * 1.6, grain.seed))
        };
        let reach = grain.radius * 1.4 + 2.0 * sample;
        let nearby = |canvas: &Self, centre: V2, reach: f32| {
            let stub = V2::new(1e-6, 0.0);
            canvas.near(&[centre - stub, centre + stub], reach)
        };
        let shadow_centre = grain.centre + lamp.shadow_offset(grain.radius * 0.8);
        for near in nearby(self, shadow_centre, reach * 1.3) {
            let offset = self.position(near.index) - shadow_centre;
            let radius = outline(offset);
            let shade = lerp(1.0, 0.5, smoothstep(radius * 1.3 + sample, radius * 0.6, offset.length()));
            self.samples[near.index] = scaled(self.samples[near.index], shade);
        }
        for near in nearby(self, grain.centre, reach) {
            let offset = self.position(near.index) - grain.centre;
            let radius = outline(offset);
            let coverage = ((radius - offset.length()) / sample + 0.5).clamp(0.0, 1.0);
            if coverage > 0.0 {
                let facet = |seed| 0.7 * smooth_noise(offset * (1.7 / grain.radius), seed);
                let bulge = offset * (0.9 / radius);
                let (dx, dy) = (facet(grain.seed ^ 1), facet(grain.seed ^ 2));
                let normal = normalized([bulge.x + dx, bulge.y + dy, 0.8]);
                let light = lamp.at(self.position(near.index));
                let shine = 0.08 * light.highlight(normal, 30);
                let colour = scaled(grain.albedo, light.diffuse(normal, 1.0)).map(|v| v + shine);
                self.samples[near.index] = mixed(self.samples[near.index], colour, coverage);
            }
        }
    }
}
