//! Samples in the depth of their file.

use crate::plane::SampleType;

/// Interleaved samples at one of the supported depths.
#[derive(Clone, Debug)]
pub(crate) enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
}

/// Every byte divided by 255. A table is faster than a division per byte.
static UNIT: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    table
};

/// An 8-bit sample as a share of full scale.
pub(crate) fn of_u8(sample: u8) -> f32 {
    UNIT[usize::from(sample)]
}

/// A 16-bit sample as a share of full scale.
pub(crate) fn of_u16(sample: u16) -> f32 {
    f32::from(sample) / 65_535.0
}

/// The value where `black` is 0 and `white` is 1, clipped to 0..=1.
pub(crate) fn on_scale(value: f32, (black, white): (f32, f32)) -> f32 {
    ((value - black) / (white - black)).clamp(0.0, 1.0)
}

/// The samples of an upright image, `[height, width, channels]`.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    samples: Samples,
    /// 1 grey, 3 RGB.
    channels: usize,
    /// Black and white that the values are scaled by, if they are.
    levels: Option<(f32, f32)>,
}

impl Stored {
    /// # Panics
    /// If there are neither 1 nor 3 channels.
    pub(crate) fn new(samples: Samples, channels: usize) -> Self {
        assert!(matches!(channels, 1 | 3), "grey or RGB");
        Self { samples, channels, levels: None }
    }

    /// The same samples with values on a scale of 0..=1, on which `black` is 0 and `white` is 1.
    ///
    /// # Panics
    /// If they are scaled already.
    pub(crate) fn scaled(self, black: f32, white: f32) -> Self {
        assert!(!self.is_scaled(), "samples are scaled once");
        Self { levels: Some((black, white)), ..self }
    }

    pub(crate) fn is_scaled(&self) -> bool {
        self.levels.is_some()
    }

    pub(crate) fn sample_type(&self) -> SampleType {
        match self.samples {
            Samples::U8(_) => SampleType::U8,
            Samples::U16(_) => SampleType::U16,
            Samples::F32(_) => SampleType::F32,
        }
    }

    pub(crate) fn pixels(&self) -> usize {
        let samples = match &self.samples {
            Samples::U8(values) => values.len(),
            Samples::U16(values) => values.len(),
            Samples::F32(values) => values.len(),
        };
        samples / self.channels
    }

    pub(crate) fn is_grey(&self) -> bool {
        self.channels == 1
    }

    /// The colour of a pixel: integers as shares of full scale, floats as they are.
    pub(crate) fn get(&self, pixel: usize) -> [f32; 3] {
        let at = |channel: usize| pixel * self.channels + channel.min(self.channels - 1);
        let colour = [0, 1, 2].map(|channel| match &self.samples {
            Samples::U8(values) => of_u8(values[at(channel)]),
            Samples::U16(values) => of_u16(values[at(channel)]),
            Samples::F32(values) => values[at(channel)],
        });
        self.levels.map_or(colour, |levels| colour.map(|value| on_scale(value, levels)))
    }

    /// Channel 0 (red), 1 or 2 of consecutive pixels, of which `first` is the first.
    pub(crate) fn copy(&self, channel: usize, first: usize, values: &mut [f32]) {
        match &self.samples {
            Samples::U8(samples) => self.copy_of(samples, of_u8, channel, first, values),
            Samples::U16(samples) => self.copy_of(samples, of_u16, channel, first, values),
            Samples::F32(samples) => self.copy_of(samples, |sample| sample, channel, first, values),
        }
        if let Some(levels) = self.levels {
            values.iter_mut().for_each(|value| *value = on_scale(*value, levels));
        }
    }

    fn copy_of<T: Copy>(
        &self,
        samples: &[T],
        value: impl Fn(T) -> f32,
        channel: usize,
        first: usize,
        values: &mut [f32],
    ) {
        let samples = &samples[first * self.channels..][..values.len() * self.channels];
        if self.channels == 1 {
            values.iter_mut().zip(samples).for_each(|(to, from)| *to = value(*from));
        } else {
            let (pixels, _) = samples.as_chunks::<3>();
            values.iter_mut().zip(pixels).for_each(|(to, from)| *to = value(from[channel]));
        }
    }

    /// All values: red plane, green plane, blue plane.
    pub(crate) fn planar(&self) -> Vec<f32> {
        let pixels = self.pixels();
        let mut data = vec![0.0; 3 * pixels];
        let planes = data.chunks_exact_mut(pixels.max(1)).enumerate();
        planes.for_each(|(channel, plane)| self.copy(channel, 0, plane));
        data
    }
}
