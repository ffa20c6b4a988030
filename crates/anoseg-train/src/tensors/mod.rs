//! Networks under training, on Burn's tensors.
//!
//! The forward passes are those of [`anoseg_infer::network`]; [`Training`] runs them with gradients
//! and batch statistics. [`Parameters`] holds a network's tensors in the order of its blueprint.

mod discriminator;
mod dropout;
mod executor;
#[cfg(test)]
mod executor_tests;
mod init;
mod parameters;
#[cfg(test)]
mod published_tests;
mod statistics;

use anoseg_image::Image;
use burn::tensor::{Device, Tensor, TensorData};

pub(crate) use discriminator::Discriminator;
pub(crate) use dropout::drop_channels;
pub(crate) use executor::Training;
pub(crate) use init::WeightInit;
pub(crate) use parameters::Parameters;
pub(crate) use statistics::Statistics;

/// The device that training computes on.
pub(crate) fn cpu() -> Device {
    Device::flex()
}

/// The tensor's values on the host.
pub(crate) fn values_of<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.inner().into_data().try_into_vec::<f32>().expect("our tensors hold f32")
}

/// Values on the host as a tensor.
pub(crate) fn tensor_of<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Images of one size as `[n, 3, h, w]`.
pub(crate) fn join<'a>(images: impl ExactSizeIterator<Item = &'a Image> + Clone) -> TensorData {
    let (height, width) = images.clone().next().map_or((0, 0), |image| (image.height(), image.width()));
    let values: Vec<f32> = images.clone().flat_map(|image| image.as_slice()).copied().collect();
    TensorData::new(values, [images.len(), 3, height, width])
}
