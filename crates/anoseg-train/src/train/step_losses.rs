//! The losses of one step.

/// Losses of one step, unweighted except `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StepLosses {
    /// The loss that the generator minimised: the weighted sum.
    pub total: f32,
    /// Focal loss of the map, in the steps that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal: Option<f32>,
    /// Cross-entropy of the map, in the steps that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_entropy: Option<f32>,
    /// Dice loss of the map.
    pub dice: f32,
    /// Mean absolute error of the map, where it is minimised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<f32>,
    /// Reconstruction loss, where there is a reconstruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconstruction: Option<f32>,
    /// The generator's adversarial loss, where there is a discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adversarial: Option<f32>,
    /// The discriminator's own loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<f32>,
    /// Share of the pairs, true and generated, that the discriminator classified correctly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discriminator_accuracy: Option<f32>,
    /// Loss of the second GAN's generator, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<f32>,
    /// Share of the pairs that the second GAN's discriminator classified correctly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector_accuracy: Option<f32>,
}

impl StepLosses {
    /// `self * weight`, added to `sum`; losses that `sum` lacks are copied.
    pub(super) fn add_to(self, sum: &mut Self, weight: f32) {
        let add = |sum: &mut Option<f32>, value: Option<f32>| {
            *sum = value.map(|value| sum.unwrap_or(0.0) + value * weight).or(*sum);
        };
        sum.total += self.total * weight;
        sum.dice += self.dice * weight;
        add(&mut sum.focal, self.focal);
        add(&mut sum.cross_entropy, self.cross_entropy);
        add(&mut sum.segmentation, self.segmentation);
        add(&mut sum.reconstruction, self.reconstruction);
        add(&mut sum.adversarial, self.adversarial);
        add(&mut sum.discriminator, self.discriminator);
        add(&mut sum.discriminator_accuracy, self.discriminator_accuracy);
        add(&mut sum.detector, self.detector);
        add(&mut sum.detector_accuracy, self.detector_accuracy);
    }
}
