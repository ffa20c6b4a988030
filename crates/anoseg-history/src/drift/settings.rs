//! How alarms are raised.

use crate::{Error, Result};

/// How alarms are raised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Each monitor raises at most one false alarm in so many images, on average; at least 1000.
    pub images_per_false_alarm: u64,
    /// Share of images with defects that is expected, 0..1: rejects and reviews are allowed for it on top of
    /// what the calibration promises.
    pub defects: f64,
}

impl Default for Settings {
    /// One in a million images; two in a hundred have defects.
    fn default() -> Self {
        Self { images_per_false_alarm: 1_000_000, defects: 0.02 }
    }
}

impl Settings {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn validate(&self) -> Result<()> {
        if self.images_per_false_alarm < 1000 {
            return Err(Error::value("images_per_false_alarm: give at least 1000"));
        }
        if !(0.0..1.0).contains(&self.defects) {
            return Err(Error::value(format!(
                "defects = {}: must be 0 or more, and less than 1",
                self.defects
            )));
        }
        Ok(())
    }
}
