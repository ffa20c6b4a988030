//! Pixel containers: images, masks and anomaly maps.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::samples::{Stored, on_scale};

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

/// A colour image of three channels: red, green and blue.
///
/// Integers are shares of their full scale, 0..=1; floats are as the file has them, on any scale.
/// What is black and white is decided by the model (`Preprocess`). Grey images have three equal
/// channels. Values are those of the file (sRGB-encoded, not linear light).
///
/// An image that was decoded keeps its samples in the depth of the file: a pixel of 8-bit colour takes
/// 3 bytes. [`Image::copy_row`] and [`Image::get`] convert what is asked for. What gives all values
/// at once ([`Image::as_slice`], [`Image::plane`]) makes floats of the whole image, 12 bytes a pixel,
/// which it then keeps.
#[derive(Clone, Debug)]
pub struct Image {
    width: usize,
    height: usize,
    /// The samples; `None` once a value was changed.
    stored: Option<Stored>,
    /// All values, planar `[3, height, width]`. Set from the beginning where nothing is stored.
    planes: OnceLock<Vec<f32>>,
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
        Self { width, height, stored: None, planes: OnceLock::from(data), samples: SampleType::U8 }
    }

    /// Wraps samples, row by row from the top left.
    ///
    /// # Panics
    /// If there are not `width * height` pixels.
    pub(crate) fn from_stored(width: usize, height: usize, stored: Stored) -> Self {
        assert_eq!(stored.pixels(), width * height, "an image of {width} x {height} needs as many pixels");
        let samples = stored.sample_type();
        Self { width, height, stored: Some(stored), planes: OnceLock::new(), samples }
    }

    /// The same values, made of samples of this type.
    pub fn with_sample_type(self, samples: SampleType) -> Self {
        Self { samples, ..self }
    }

    /// The image with values on a scale of 0..=1, on which `black` is 0 and `white` is 1. Samples stay in
    /// the depth of their file, and values are scaled as they are asked for.
    pub fn scaled(self, black: f32, white: f32) -> Self {
        let Self { width, height, stored, .. } = self;
        match stored {
            Some(stored) if !stored.is_scaled() => {
                Self::from_stored(width, height, stored.scaled(black, white))
            }
            stored => {
                let mut image = Self { stored, ..self };
                image.values_mut().iter_mut().for_each(|value| *value = on_scale(*value, (black, white)));
                image
            }
        }
        .with_sample_type(self.samples)
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
        let pixels = width * height;
        let mut data = vec![0.0; 3 * pixels];
        for y in 0..height {
            for x in 0..width {
                let rgb = f(x, y);
                (0..3).for_each(|c| data[c * pixels + y * width + x] = rgb[c]);
            }
        }
        Self::from_planar(width, height, data)
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
        // One of the two is always there.
        self.planes.get_or_init(|| self.stored.as_ref().map_or_else(Vec::new, Stored::planar))
    }

    /// All values to change in place: red plane, green plane, blue plane.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        self.values_mut()
    }

    /// The values without a copy: red plane, green plane, blue plane.
    pub fn into_vec(mut self) -> Vec<f32> {
        std::mem::take(self.values_mut())
    }

    fn values_mut(&mut self) -> &mut Vec<f32> {
        self.as_slice();
        self.stored = None;
        self.planes.get_mut().expect("the values were made above")
    }

    /// Channel `c` (0 red, 1 green, 2 blue), row by row.
    pub fn plane(&self, c: usize) -> &[f32] {
        let n = self.width * self.height;
        &self.as_slice()[c * n..(c + 1) * n]
    }

    /// Channel `c` to change in place.
    pub fn plane_mut(&mut self, c: usize) -> &mut [f32] {
        let n = self.width * self.height;
        &mut self.values_mut()[c * n..(c + 1) * n]
    }

    /// Copies the values of channel `c` (0 red, 1 green, 2 blue) in row `y`, from column `x` on as many
    /// as there is place for.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn copy_row(&self, c: usize, x: usize, y: usize, values: &mut [f32]) {
        assert!(x + values.len() <= self.width && y < self.height, "a part of a row of the image");
        let first = y * self.width + x;
        match (&self.stored, self.planes.get()) {
            (Some(stored), None) => stored.copy(c, first, values),
            _ => values.copy_from_slice(&self.plane(c)[first..first + values.len()]),
        }
    }

    /// Row `y` of channel `c`, without a copy where the image has its values as floats.
    pub fn row(&self, c: usize, y: usize) -> Cow<'_, [f32]> {
        if self.planes.get().is_some() {
            return Cow::Borrowed(&self.plane(c)[y * self.width..(y + 1) * self.width]);
        }
        let mut row = vec![0.0; self.width];
        self.copy_row(c, 0, y, &mut row);
        Cow::Owned(row)
    }

    /// All values, row by row of each channel in turn.
    pub fn rows(&self) -> impl Iterator<Item = Cow<'_, [f32]>> {
        (0..3).flat_map(move |c| (0..self.height).map(move |y| self.row(c, y)))
    }

    /// Whether the three channels are equal.
    pub fn is_grey(&self) -> bool {
        self.stores_grey() || {
            let equal = |y: usize| {
                let red = self.row(0, y);
                red == self.row(1, y) && red == self.row(2, y)
            };
            (0..self.height).all(equal)
        }
    }

    /// Whether the image has one sample a pixel.
    pub(crate) fn stores_grey(&self) -> bool {
        self.stored.as_ref().is_some_and(Stored::is_grey)
    }

    /// The colour at column `x`, row `y`.
    pub fn get(&self, x: usize, y: usize) -> [f32; 3] {
        let (n, i) = (self.width * self.height, y * self.width + x);
        match (&self.stored, self.planes.get()) {
            (Some(stored), None) => stored.get(i),
            (_, planes) => {
                let values = planes.map_or_else(|| self.as_slice(), Vec::as_slice);
                [values[i], values[n + i], values[2 * n + i]]
            }
        }
    }

    /// Sets the colour at column `x`, row `y`.
    pub fn set(&mut self, x: usize, y: usize, rgb: [f32; 3]) {
        let (n, i) = (self.width * self.height, y * self.width + x);
        let values = self.values_mut();
        for (c, value) in rgb.into_iter().enumerate() {
            values[c * n + i] = value;
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
        let mut data = vec![0.0; 3 * width * height];
        for (number, target) in data.chunks_exact_mut(width.max(1)).enumerate() {
            let (channel, row) = (number / height, y + (number % height) as isize);
            let row = row.clamp(0, self.height as isize - 1) as usize;
            let (left, rest) = target.split_at_mut(before);
            let (middle, right) = rest.split_at_mut(inside);
            self.copy_row(channel, first, row, middle);
            let border = |x: usize| {
                let mut value = [0.0];
                self.copy_row(channel, x, row, &mut value);
                value[0]
            };
            if !left.is_empty() {
                left.fill(border(0));
            }
            if !right.is_empty() {
                right.fill(border(self.width - 1));
            }
        }
        Self::from_planar(width, height, data).with_sample_type(self.samples)
    }

    /// The image as interleaved 8-bit RGB, `[height, width, 3]`, rounded.
    pub fn to_rgb8(&self) -> Vec<u8> {
        let mut bytes = vec![0; 3 * self.width * self.height];
        let rows = bytes.chunks_exact_mut((3 * self.width).max(1)).enumerate();
        rows.for_each(|(y, row)| self.write_rgb8(y, row));
        bytes
    }

    /// Row `y` as interleaved 8-bit RGB, `[width, 3]`, rounded.
    pub(crate) fn write_rgb8(&self, y: usize, bytes: &mut [u8]) {
        interleave(&[0, 1, 2].map(|c| self.row(c, y)), bytes);
    }
}

/// Rows of red, green and blue as interleaved 8-bit RGB, `[width, 3]`, rounded.
pub(crate) fn interleave(rows: &[impl AsRef<[f32]>; 3], bytes: &mut [u8]) {
    let rows = rows.each_ref().map(AsRef::as_ref);
    for (x, pixel) in bytes.chunks_exact_mut(3).enumerate() {
        for (byte, row) in pixel.iter_mut().zip(rows) {
            *byte = (row[x].clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    }
}

impl PartialEq for Image {
    /// Whether size, type of the samples and all values are equal.
    fn eq(&self, other: &Self) -> bool {
        (self.width, self.height, self.samples) == (other.width, other.height, other.samples)
            && self.rows().zip(other.rows()).all(|(a, b)| a == b)
    }
}
