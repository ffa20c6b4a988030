//! Pixel containers: images, masks and anomaly maps.

use serde::{Deserialize, Serialize};

/// One value per pixel, row by row from the top left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane<T> {
    width: usize,
    height: usize,
    data: Vec<T>,
}

/// Which pixels are anomalous: `true` = anomalous.
pub type Mask = Plane<bool>;

/// How anomalous each pixel is; larger = more anomalous.
pub type AnomalyMap = Plane<f32>;

impl<T: Clone> Plane<T> {
    /// A plane with the same value everywhere.
    pub fn filled(width: usize, height: usize, value: T) -> Self {
        Self { width, height, data: vec![value; width * height] }
    }
}

impl<T> Plane<T> {
    /// Wraps `data`, row by row.
    ///
    /// # Panics
    /// If `data.len() != width * height`.
    pub fn from_vec(width: usize, height: usize, data: Vec<T>) -> Self {
        assert_eq!(data.len(), width * height, "a plane of {width} x {height} needs as many values");
        Self { width, height, data }
    }

    /// Calls `f(x, y)` for every pixel, row by row.
    pub fn from_fn(width: usize, height: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let mut data = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                data.push(f(x, y));
            }
        }
        Self { width, height, data }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All values, row by row.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// All values, row by row, to change in place.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The values, row by row, without a copy.
    pub fn into_vec(self) -> Vec<T> {
        self.data
    }

    /// The values of row `y`.
    pub fn row(&self, y: usize) -> &[T] {
        &self.data[y * self.width..(y + 1) * self.width]
    }

    /// A plane of the same size whose pixels are `f` of this one's.
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Plane<U> {
        Plane { width: self.width, height: self.height, data: self.data.iter().map(f).collect() }
    }
}

impl<T: Copy> Plane<T> {
    /// The value at column `x`, row `y`.
    pub fn get(&self, x: usize, y: usize) -> T {
        self.data[y * self.width + x]
    }

    /// Sets the value at column `x`, row `y`.
    pub fn set(&mut self, x: usize, y: usize, value: T) {
        self.data[y * self.width + x] = value;
    }
}

impl Mask {
    /// How many pixels are anomalous.
    pub fn count(&self) -> usize {
        self.as_slice().iter().filter(|&&anomalous| anomalous).count()
    }

    /// Whether any pixel is anomalous.
    pub fn any(&self) -> bool {
        self.as_slice().contains(&true)
    }
}

/// A colour image: planar `[3, height, width]` (red plane, green plane, blue plane).
///
/// Integers are shares of their full scale, 0..=1; floats are as the file has them, on any scale.
/// What is black and white is decided by the model (`Preprocess`). Grey images have three equal
/// planes. Values are those of the file (sRGB-encoded, not linear light).
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    width: usize,
    height: usize,
    data: Vec<f32>,
    samples: SampleType,
}

/// The type of the samples that an image was made of, which decides the scale of its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SampleType {
    /// Integers of up to 8 bits, or values that are on a scale of 0..=1 already.
    #[default]
    U8,
    /// Integers of more than 8 bits. Cameras of 10, 12 or 14 bits often use only the lower end.
    U16,
    /// Floats, on any scale.
    F32,
}

impl Image {
    /// Wraps planar data `[3, height, width]`.
    ///
    /// # Panics
    /// If `data.len() != 3 * width * height`.
    pub fn from_planar(width: usize, height: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), 3 * width * height, "an image of {width} x {height} needs three planes");
        Self { width, height, data, samples: SampleType::U8 }
    }

    /// The same values, made of samples of this type.
    pub fn with_sample_type(self, samples: SampleType) -> Self {
        Self { samples, ..self }
    }

    /// The type of the samples that the image was made of.
    pub fn sample_type(&self) -> SampleType {
        self.samples
    }

    /// An image of one colour.
    pub fn filled(width: usize, height: usize, rgb: [f32; 3]) -> Self {
        let data = rgb.iter().flat_map(|&v| std::iter::repeat_n(v, width * height)).collect();
        Self::from_planar(width, height, data)
    }

    /// Calls `f(x, y)` for the colour of every pixel.
    pub fn from_fn(width: usize, height: usize, mut f: impl FnMut(usize, usize) -> [f32; 3]) -> Self {
        let mut image = Self::filled(width, height, [0.0; 3]);
        for y in 0..height {
            for x in 0..width {
                image.set(x, y, f(x, y));
            }
        }
        image
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All values: red plane, green plane, blue plane.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// All values to change in place: red plane, green plane, blue plane.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The values without a copy: red plane, green plane, blue plane.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// Channel `c` (0 red, 1 green, 2 blue), row by row.
    pub fn plane(&self, c: usize) -> &[f32] {
        let n = self.width * self.height;
        &self.data[c * n..(c + 1) * n]
    }

    /// Channel `c` to change in place.
    pub fn plane_mut(&mut self, c: usize) -> &mut [f32] {
        let n = self.width * self.height;
        &mut self.data[c * n..(c + 1) * n]
    }

    /// The colour at column `x`, row `y`.
    pub fn get(&self, x: usize, y: usize) -> [f32; 3] {
        let (n, i) = (self.width * self.height, y * self.width + x);
        [self.data[i], self.data[n + i], self.data[2 * n + i]]
    }

    /// Sets the colour at column `x`, row `y`.
    pub fn set(&mut self, x: usize, y: usize, rgb: [f32; 3]) {
        let (n, i) = (self.width * self.height, y * self.width + x);
        for (c, value) in rgb.into_iter().enumerate() {
            self.data[c * n + i] = value;
        }
    }

    /// The `width` x `height` pixels whose upper left is `(x, y)`. Beyond the image its border is
    /// repeated outwards.
    ///
    /// # Panics
    /// If the image has no pixel.
    pub fn cut(&self, (x, y): (isize, isize), width: usize, height: usize) -> Self {
        assert!(self.width > 0 && self.height > 0, "an image with pixels");
        let before = x.saturating_neg().clamp(0, width as isize) as usize;
        let inside = (x + width as isize).clamp(0, self.width as isize) - x.clamp(0, self.width as isize);
        let inside = inside.max(0) as usize;
        let first = x.clamp(0, self.width as isize - 1) as usize;
        let mut data = Vec::with_capacity(3 * width * height);
        for plane in (0..3).map(|channel| self.plane(channel)) {
            for row in y..y + height as isize {
                let start = row.clamp(0, self.height as isize - 1) as usize * self.width;
                let row = &plane[start..start + self.width];
                data.extend(std::iter::repeat_n(row[0], before));
                data.extend_from_slice(&row[first..first + inside]);
                let after = width - before - inside;
                data.extend(std::iter::repeat_n(row[self.width - 1], after));
            }
        }
        Self { width, height, data, samples: self.samples }
    }

    /// The image as interleaved 8-bit RGB, `[height, width, 3]`, rounded.
    pub fn to_rgb8(&self) -> Vec<u8> {
        let n = self.width * self.height;
        let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
        (0..n).flat_map(|i| [0, 1, 2].map(|c| byte(self.data[c * n + i]))).collect()
    }
}
