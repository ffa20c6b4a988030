//! Values as bytes.

/// How bytes stand for values: `(byte - zero_point) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByteScale {
    /// The difference between the values of two neighbouring bytes; above 0.
    pub scale: f32,
    /// The byte of the value 0.
    pub zero_point: u8,
}

impl ByteScale {
    /// That of values in `low..=high`. 0 is always among them, and exact: it is what images are padded with.
    ///
    /// ```
    /// use anoseg_infer::runtime::ByteScale;
    ///
    /// let scale = ByteScale::of_range(0.0, 6.0);
    /// assert_eq!(scale.zero_point, 0);
    /// assert!((scale.rounded(1.0) - 1.0).abs() <= 3.0 / 255.0);
    /// assert_eq!(scale.rounded(7.0), scale.rounded(6.0));
    /// ```
    pub fn of_range(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = (high - low) / 255.0;
        let scale = if scale.is_normal() { scale } else { 1.0 };
        Self { scale, zero_point: (-low / scale).round_ties_even() as u8 }
    }

    /// The value of the byte that is nearest to `x`; of two as near, the even one.
    pub fn rounded(self, x: f32) -> f32 {
        let zero = f32::from(self.zero_point);
        // In this order NaN stays NaN.
        let byte = ((x / self.scale).round_ties_even() + zero).clamp(0.0, 255.0);
        (byte - zero) * self.scale
    }
}
