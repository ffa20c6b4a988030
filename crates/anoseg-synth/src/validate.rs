//! Validation of recipes.

use crate::error::SynthError;
use crate::recipe::{
    BaseAugmentation, BlendShares, PaperRecipe, Recipe, ShapeWeights, SizeRange, SourceWeights,
};

impl Recipe {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`SynthError::Recipe`] names the first field that is out of range, its value, and the range.
    pub fn validate(&self) -> Result<(), SynthError> {
        share("clean_share", self.clean_share)?;
        let [fewest, most] = self.anomalies;
        if fewest == 0 || most > 50 || fewest > most {
            return Err(wrong("anomalies", &self.anomalies, "two numbers in 1..=50, the smaller first"));
        }
        within("label_threshold", self.label_threshold, 0.0, 0.5, "in 0..=0.5")?;
        share("on_foreground", self.on_foreground)?;
        self.shapes.validate()?;
        self.sources.validate()?;
        self.blends.validate()?;
        self.size.validate()?;
        self.base.validate()?;
        self.paper.validate()
    }
}

impl ShapeWeights {
    fn validate(&self) -> Result<(), SynthError> {
        let Self { rectangle, ellipse, polygon, line, noise } = *self;
        weights("shapes", &[rectangle, ellipse, polygon, line, noise])
    }
}

impl SourceWeights {
    fn validate(&self) -> Result<(), SynthError> {
        let Self {
            other_image,
            hard_augmented,
            shuffled,
            texture,
            flat_colour,
            tone,
            relief,
            blur,
            warp,
            missing,
        } = *self;
        let patches = [other_image, hard_augmented, shuffled, texture, flat_colour];
        let changes = [tone, relief, blur, warp, missing];
        weights("sources", &[patches, changes].concat())
    }
}

impl BlendShares {
    fn validate(&self) -> Result<(), SynthError> {
        share("blends.feathered", self.feathered)?;
        share("blends.transparent", self.transparent)?;
        range("blends.opacity", self.opacity, 0.05, 1.0, "two numbers in 0.05..=1, the smaller first")?;
        share("blends.poisson", self.poisson)
    }
}

impl SizeRange {
    fn validate(&self) -> Result<(), SynthError> {
        within("size.smallest_px", self.smallest_px, 1.0, 128.0, "in 1..=128")?;
        within("size.largest_share", self.largest_share, 0.01, 1.0, "in 0.01..=1")?;
        share("size.large", self.large)?;
        range(
            "size.large_shares",
            self.large_shares,
            0.05,
            1.5,
            "two numbers in 0.05..=1.5, the smaller first",
        )
    }
}

impl BaseAugmentation {
    fn validate(&self) -> Result<(), SynthError> {
        within("base.rotation_degrees", self.rotation_degrees, 0.0, 180.0, "in 0..=180")?;
        within("base.scale", self.scale, 0.0, 0.5, "in 0..=0.5")?;
        within("base.shift_px", self.shift_px, 0.0, 128.0, "in 0..=128")?;
        within("base.brightness", self.brightness, 0.0, 0.5, "in 0..=0.5")?;
        within("base.contrast", self.contrast, 0.0, 0.9, "in 0..=0.9")?;
        within("base.gamma", self.gamma, 0.0, 0.7, "in 0..=0.7")?;
        within("base.light", self.light.share(), 0.0, 0.9, "in 0..=0.9, or \"auto\"")?;
        within("base.white_balance", self.white_balance.share(), 0.0, 0.5, "in 0..=0.5, or \"auto\"")?;
        within("base.noise", self.noise, 0.0, 0.2, "in 0..=0.2")
    }
}

impl PaperRecipe {
    fn validate(&self) -> Result<(), SynthError> {
        share("paper.jitter", self.jitter)?;
        within("paper.hue", self.hue, 0.0, 0.5, "in 0..=0.5")?;
        share("paper.scar_share", self.scar_share)?;
        let pair = "two numbers in 0.001..=0.5, the smaller first";
        range("paper.patch_area", self.patch_area, 0.001, 0.5, pair)?;
        let pair = "two numbers in 0.1..=10, the smaller first";
        range("paper.patch_aspect", self.patch_aspect, 0.1, 10.0, pair)?;
        within("paper.patch_rotation_degrees", self.patch_rotation_degrees, 0.0, 180.0, "in 0..=180")?;
        let pair = "two numbers in 1..=128, the smaller first";
        range("paper.scar_width_px", self.scar_width_px, 1.0, 128.0, pair)?;
        let pair = "two numbers in 1..=256, the smaller first";
        range("paper.scar_length_px", self.scar_length_px, 1.0, 256.0, pair)?;
        within("paper.scar_rotation_degrees", self.scar_rotation_degrees, 0.0, 180.0, "in 0..=180")
    }
}

fn wrong(field: &'static str, value: &dyn std::fmt::Debug, expected: &'static str) -> SynthError {
    SynthError::Recipe { field, value: format!("{value:?}"), expected }
}

/// A NaN is in no range.
fn within(
    field: &'static str,
    value: f32,
    low: f32,
    high: f32,
    expected: &'static str,
) -> Result<(), SynthError> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(wrong(field, &value, expected)) }
}

fn share(field: &'static str, value: f32) -> Result<(), SynthError> {
    within(field, value, 0.0, 1.0, "in 0..=1")
}

fn range(
    field: &'static str,
    pair: [f32; 2],
    low: f32,
    high: f32,
    expected: &'static str,
) -> Result<(), SynthError> {
    let fits = (low..=high).contains(&pair[0]) && (low..=high).contains(&pair[1]) && pair[0] <= pair[1];
    if fits { Ok(()) } else { Err(wrong(field, &pair, expected)) }
}

fn weights(field: &'static str, values: &[f32]) -> Result<(), SynthError> {
    let each = values.iter().all(|w| (0.0..=1e6).contains(w));
    // With a sum close to zero the draw would depend on rounding.
    if each && values.iter().sum::<f32>() > 1e-6 {
        return Ok(());
    }
    Err(wrong(field, &values, "weights in 0..=1e6 with a sum above 0"))
}
