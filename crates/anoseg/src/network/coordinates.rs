//! The coordinate channels.

use burn::tensor::{Device, Tensor, TensorData};

/// Two channels holding each pixel's row and column, scaled to -1..=1 (AnoSeg, section 3.3): `[1, 2, h, w]`, the same for
/// all pictures.
pub(super) fn coordinates([h, w]: [usize; 2], device: &Device) -> Tensor<4> {
    let scaled = |i: usize, len: usize| if len > 1 { 2.0 * i as f32 / (len - 1) as f32 - 1.0 } else { 0.0 };
    let columns: Vec<f32> = (0..w).map(|i| scaled(i, w)).collect();
    let mut values = Vec::with_capacity(2 * h * w);
    (0..h).for_each(|i| values.resize(values.len() + w, scaled(i, h)));
    (0..h).for_each(|_| values.extend_from_slice(&columns));
    Tensor::from_data(TensorData::new(values, [1, 2, h, w]), device)
}
