//! The losses. Maps are anomaly maps: 1 = anomalous (the paper's maps are 1 = normal; only signs differ).

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, sigmoid, softplus};

/// Focal loss (Lin et al., 2017), mean over all pixels: `-(1 - p_t)^gamma * log p_t`.
///
/// `logits` and `labels` are `[n, 1, h, w]`; labels are 0 or 1.
pub(super) fn focal(logits: &Tensor<4>, labels: &Tensor<4>, gamma: f32) -> Tensor<1> {
    // With s = +1 on anomalous and -1 on normal pixels, p_t = sigmoid(s * logit) covers both classes at once.
    let signed = logits.clone() * (labels.clone() * 2.0 - 1.0);
    let log_p = log_sigmoid(signed.clone());
    let miss = sigmoid(-signed);
    let weight = if gamma == 2.0 { miss.square() } else { miss.powf_scalar(gamma) };
    -(weight * log_p).mean()
}

/// Soft Dice loss over the whole batch: `1 - (2 * sum(p * y) + 1) / (sum(p) + sum(y) + 1)`.
pub(super) fn dice(probabilities: &Tensor<4>, labels: &Tensor<4>) -> Tensor<1> {
    let overlap = (probabilities.clone() * labels.clone()).sum() * 2.0 + 1.0;
    let total = probabilities.clone().sum() + labels.clone().sum() + 1.0;
    -(overlap / total) + 1.0
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

/// What the discriminator minimises: true pairs above zero, generated pairs below.
pub(super) fn discriminator(real: Tensor<4>, fake: Tensor<4>) -> Tensor<1> {
    softplus(-real, 1.0).mean() + softplus(fake, 1.0).mean()
}

/// What the generator adds: its pairs should pass for true ones. The non-saturating form of `L_adv`, ours: the
/// published `log(1 - D)` has no gradient where the discriminator is sure.
pub(super) fn adversarial(fake: Tensor<4>) -> Tensor<1> {
    softplus(-fake, 1.0).mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::network::values_of;

    fn tensor<const N: usize>(values: [f32; N], shape: [usize; 4]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    fn assert_close(found: Tensor<1>, expected: f64) {
        let found = f64::from(values_of(found)[0]);
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn focal_is_the_textbook_formula() {
        let (logits, labels) = ([2.0_f32, -1.0, 0.0, 6.0], [1.0_f32, 0.0, 1.0, 0.0]);
        let term = |z: f32, y: f32| {
            let p = 1.0 / (1.0 + (-f64::from(z)).exp());
            let p = if y > 0.5 { p } else { 1.0 - p };
            -(1.0 - p).powi(2) * p.ln()
        };
        let expected = logits.iter().zip(&labels).map(|(&z, &y)| term(z, y)).sum::<f64>() / 4.0;
        assert_close(focal(&tensor(logits, [1, 1, 2, 2]), &tensor(labels, [1, 1, 2, 2]), 2.0), expected);
    }

    #[test]
    fn the_gradient_of_focal_is_its_slope() {
        let device = Device::flex().autodiff();
        for label in [0.0, 1.0] {
            for logit in [-4.0_f32, -1.0, 0.5, 3.0] {
                let at = |z: f32, device: &Device| {
                    Tensor::<4>::from_data(TensorData::new(vec![z], [1, 1, 1, 1]), device)
                };
                let z = at(logit, &device).require_grad();
                let gradients = focal(&z, &at(label, &device), 2.0).backward();
                let found = values_of(z.grad(&gradients).unwrap())[0];
                let value = |z: f32| values_of(focal(&at(z, &device), &at(label, &device), 2.0))[0];
                let slope = (value(logit + 0.01) - value(logit - 0.01)) / 0.02;
                assert!((found - slope).abs() < 2e-3, "at {logit}, label {label}: {found} is not {slope}");
            }
        }
    }

    #[test]
    fn dice_counts_the_whole_batch() {
        let p = tensor([0.5, 1.0, 0.0, 0.25], [2, 1, 1, 2]);
        let y = tensor([1.0, 1.0, 0.0, 0.0], [2, 1, 1, 2]);
        assert_close(dice(&p, &y), 1.0 - (2.0 * 1.5 + 1.0) / (1.75 + 2.0 + 1.0));
    }

    #[test]
    fn reconstruction_is_judged_on_normal_pixels_only() {
        let x = tensor([1.0, 0.5, 1.0, 0.5, 1.0, 0.5], [1, 3, 1, 2]);
        let r = tensor([0.0, 0.25, 0.0, 0.5, 0.0, 0.75], [1, 3, 1, 2]);
        let y = tensor([1.0, 0.0], [1, 1, 1, 2]);
        assert_close(reconstruction(&x, &r, &y), (0.25 + 0.0 + 0.25) / (3.0 + 1.0));
    }

    #[test]
    fn adversarial_losses_pull_in_opposite_directions() {
        let (high, low) = (tensor([3.0], [1, 1, 1, 1]), tensor([-3.0], [1, 1, 1, 1]));
        let log = |z: f64| (1.0 + z.exp()).ln();
        assert_close(discriminator(high.clone(), low.clone()), 2.0 * log(-3.0));
        assert_close(adversarial(low), log(3.0));
        assert_close(adversarial(high), log(-3.0));
    }
}
