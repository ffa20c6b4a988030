//! The camera model: lens, sensor noise and encoding.

use anoseg_image::Image;

use super::canvas::{Canvas, SUPERSAMPLING};
use super::geometry::Rgb;
use super::noise::Dice;

/// A camera with a fixed lens, whose exposure, white balance and focus drift a little from shot to
/// shot.
#[derive(Clone, Debug)]
pub(super) struct Camera {
    /// Gain per channel: exposure times white balance.
    gain: Rgb,
    /// How much light the corners lose, in 0..=1.
    vignetting: f32,
    /// Standard deviation of the lens blur in pixels of a 256-pixel field.
    blur: f32,
    /// Variance of the sensor noise: photon noise grows with the signal, readout noise does not.
    photon_noise: f32,
    read_noise: f32,
    /// Key of the noise of this shot.
    shot: [u64; 4],
}

impl Camera {
    /// The camera as it stands for one shot; `shot` keys its sensor noise.
    pub(super) fn new(dice: &mut Dice, shot: [u64; 4]) -> Self {
        let exposure = 1.28 + dice.within(0.06);
        let gain = [exposure * (1.0 + dice.within(0.012)), exposure, exposure * (1.0 + dice.within(0.012))];
        Self {
            gain,
            vignetting: 0.16 + dice.within(0.03),
            blur: dice.range(0.5, 0.8),
            photon_noise: 1.1e-4,
            read_noise: 4e-6,
            shot,
        }
    }

    /// Renders the image. The same camera adds the same noise to every scene.
    pub(super) fn shoot(&self, canvas: &Canvas) -> Image {
        let (width, height) = (canvas.pixel_width(), canvas.pixel_height());
        let mut image = self.expose(canvas);
        let side = width.min(height) as f32;
        let kernel = gaussian_kernel(self.blur * (side / 256.0).clamp(0.4, 4.0));
        for c in 0..3 {
            blur(image.plane_mut(c), width, &kernel);
        }
        let mut dice = Dice::new(self.shot);
        for value in image.as_mut_slice() {
            let deviation = (self.photon_noise * value.max(0.0) + self.read_noise).sqrt();
            *value = srgb_encoded(*value + deviation * dice.deviate());
        }
        image
    }

    /// Averages the samples of every pixel; applies gain and vignetting.
    fn expose(&self, canvas: &Canvas) -> Image {
        let (width, height) = (canvas.pixel_width(), canvas.pixel_height());
        let mut image = Image::filled(width, height, [0.0; 3]);
        let centre = [width as f32 / 2.0, height as f32 / 2.0];
        let corner_squared = (centre[0] * centre[0] + centre[1] * centre[1]).max(1.0);
        for y in 0..height {
            for x in 0..width {
                let mut sum = [0.0; 3];
                for row in 0..SUPERSAMPLING {
                    let samples = canvas.row(y * SUPERSAMPLING + row);
                    for sample in &samples[x * SUPERSAMPLING..(x + 1) * SUPERSAMPLING] {
                        (0..3).for_each(|c| sum[c] += sample[c]);
                    }
                }
                let (dx, dy) = (x as f32 + 0.5 - centre[0], y as f32 + 0.5 - centre[1]);
                let falloff = 1.0 - self.vignetting * (dx * dx + dy * dy) / corner_squared;
                let share = falloff / (SUPERSAMPLING * SUPERSAMPLING) as f32;
                image.set(x, y, std::array::from_fn(|c| sum[c] * share * self.gain[c]));
            }
        }
        image
    }
}

/// The sRGB transfer function (IEC 61966-2-1), limited to 0..=1.
fn srgb_encoded(linear: f32) -> f32 {
    let linear = linear.clamp(0.0, 1.0);
    if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

/// Half of a normalised Gaussian: the weight of the centre, then of each tap on either side.
fn gaussian_kernel(deviation: f32) -> Vec<f32> {
    let taps: Vec<f32> = (0..=(3.0 * deviation).ceil() as usize)
        .map(|i| (-0.5 * (i as f32 / deviation).powi(2)).exp())
        .collect();
    let total = taps[0] + 2.0 * taps[1..].iter().sum::<f32>();
    taps.iter().map(|tap| tap / total).collect()
}

/// Separable symmetric blur of one plane in place, edges repeated.
fn blur(plane: &mut [f32], width: usize, kernel: &[f32]) {
    if plane.is_empty() {
        return;
    }
    let height = plane.len() / width;
    let mut across = vec![0.0; plane.len()];
    for (input, output) in plane.chunks_exact(width).zip(across.chunks_exact_mut(width)) {
        for (x, value) in output.iter_mut().enumerate() {
            *value = kernel[0] * input[x];
            for (i, tap) in kernel.iter().enumerate().skip(1) {
                *value += tap * (input[x.saturating_sub(i)] + input[(x + i).min(width - 1)]);
            }
        }
    }
    let row = |y: usize| &across[y * width..(y + 1) * width];
    for (y, output) in plane.chunks_exact_mut(width).enumerate() {
        for (value, &input) in output.iter_mut().zip(row(y)) {
            *value = kernel[0] * input;
        }
        for (i, tap) in kernel.iter().enumerate().skip(1) {
            let (above, below) = (row(y.saturating_sub(i)), row((y + i).min(height - 1)));
            for ((value, &a), &b) in output.iter_mut().zip(above).zip(below) {
                *value += tap * (a + b);
            }
        }
    }
}
