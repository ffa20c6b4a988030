//! The losses besides those of the map itself (`anoseg_kernels::extension::map_losses`). Maps are
//! anomaly maps: 1 = anomalous (the paper's maps are 1 = normal; only signs differ).

use burn::tensor::Tensor;
use burn::tensor::activation::softplus;

use crate::tensors::values_of;

/// `L_seg` of AnoSeg (section 3.2): mean absolute error of the map. `map` and `labels` are
/// `[n, 1, h, w]`.
pub(super) fn segmentation(map: Tensor<4>, labels: &Tensor<4>) -> Tensor<1> {
    (map - labels.clone()).abs().mean()
}

/// `L_re` of AnoSeg (section 3.2): mean absolute error of the reconstruction on normal pixels only.
///
/// `images` and `reconstruction` are `[n, 3, h, w]`, `labels` `[n, 1, h, w]`.
pub(super) fn reconstruction(
    images: &Tensor<4>,
    reconstruction: &Tensor<4>,
    labels: &Tensor<4>,
) -> Tensor<1> {
    let normal = -labels.clone() + 1.0;
    let error = (images.clone() - reconstruction.clone()).abs() * normal.clone();
    error.sum() / (normal.sum() * 3.0 + 1.0)
}

/// The discriminator's loss: logits of true pairs are to be above zero, those of generated pairs
/// below.
pub(super) fn discriminator(real: Tensor<4>, fake: Tensor<4>) -> Tensor<1> {
    softplus(-real, 1.0).mean() + softplus(fake, 1.0).mean()
}

/// The discriminator's additional loss for pairs that are not true (`L_cls` of AnoSeg's appendix).
pub(super) fn refusal(logits: Tensor<4>) -> Tensor<1> {
    softplus(logits, 1.0).mean()
}

/// `L_fea` of AnoSeg's appendix: mean square difference between the discriminator's features of the
/// image and of its reconstruction.
pub(super) fn features(wanted: Tensor<4>, found: Tensor<4>) -> Tensor<1> {
    (wanted - found).square().mean()
}

/// Mean absolute error of reconstructed images.
pub(super) fn redrawing(images: Tensor<4>, redrawn: Tensor<4>) -> Tensor<1> {
    (images - redrawn).abs().mean()
}

/// Share of the pairs that the discriminator classified correctly, from its logits.
pub(super) fn accuracy(real: Tensor<4>, fake: Tensor<4>) -> f32 {
    let (real, fake) = (values_of(real), values_of(fake));
    let right =
        real.iter().filter(|&&logit| logit > 0.0).count() + fake.iter().filter(|&&logit| logit < 0.0).count();
    right as f32 / (real.len() + fake.len()) as f32
}

/// The generator's adversarial loss: its pairs are to be classified as true. This is the
/// non-saturating form of `L_adv` (our choice): the published `log(1 - D)` has no gradient where
/// the discriminator is certain.
pub(super) fn adversarial(fake: Tensor<4>) -> Tensor<1> {
    softplus(-fake, 1.0).mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn tensor<const N: usize>(values: [f32; N], shape: [usize; 4]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    fn assert_close(found: Tensor<1>, expected: f64) {
        let found = f64::from(values_of(found)[0]);
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn reconstruction_is_judged_on_normal_pixels_only() {
        let x = tensor([1.0, 0.5, 1.0, 0.5, 1.0, 0.5], [1, 3, 1, 2]);
        let r = tensor([0.0, 0.25, 0.0, 0.5, 0.0, 0.75], [1, 3, 1, 2]);
        let y = tensor([1.0, 0.0], [1, 1, 1, 2]);
        assert_close(reconstruction(&x, &r, &y), (0.25 + 0.0 + 0.25) / (3.0 + 1.0));
    }

    #[test]
    fn the_map_is_judged_on_all_pixels() {
        let map = tensor([0.25, 1.0, 0.0, 0.5], [1, 1, 2, 2]);
        let labels = tensor([0.0, 1.0, 1.0, 0.0], [1, 1, 2, 2]);
        assert_close(segmentation(map, &labels), (0.25 + 0.0 + 1.0 + 0.5) / 4.0);
    }

    #[test]
    fn the_detectors_generator_is_judged_by_images_and_features() {
        let (x, y) = (tensor([0.25, 1.0], [1, 1, 1, 2]), tensor([0.75, 0.75], [1, 1, 1, 2]));
        assert_close(redrawing(x.clone(), y.clone()), (0.5 + 0.25) / 2.0);
        assert_close(features(x, y), (0.5 * 0.5 + 0.25 * 0.25) / 2.0);
    }

    #[test]
    fn accuracy_counts_both_kinds() {
        let real = tensor([2.0, -0.5, 1.0], [3, 1, 1, 1]);
        let fake = tensor([-1.0, 0.5], [2, 1, 1, 1]);
        assert_eq!(accuracy(real, fake), 3.0 / 5.0);
    }

    #[test]
    fn adversarial_losses_pull_in_opposite_directions() {
        let (high, low) = (tensor([3.0], [1, 1, 1, 1]), tensor([-3.0], [1, 1, 1, 1]));
        let log = |z: f64| (1.0 + z.exp()).ln();
        assert_close(discriminator(high.clone(), low.clone()), 2.0 * log(-3.0));
        assert_close(refusal(high.clone()), log(3.0));
        assert_close(adversarial(low), log(3.0));
        assert_close(adversarial(high), log(-3.0));
    }
}
