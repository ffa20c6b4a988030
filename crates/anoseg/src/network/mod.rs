//! The networks, as plain Burn modules.
//!
//! One encoder reads the picture with its coordinate channels (AnoSeg, section 3.3); a decoder draws the anomaly map,
//! another may reconstruct the picture, and a discriminator may judge both. There are three such networks: [`compact`],
//! [`published`], and [`pretrained`], whose encoder was learned elsewhere.

mod architecture;
mod blocks;
pub mod compact;
mod coordinates;
mod discriminator;
mod generator;
mod init;
mod moments;
mod params;
pub mod pretrained;
pub mod published;
mod statistics;

use burn::tensor::{Device, Tensor, TensorData};

pub use architecture::{Architecture, Kind};
pub use discriminator::Discriminator;
pub use generator::{Generator, Outputs};
pub use init::WeightInit;
pub use params::{ParameterData, ParameterError, export_parameters, import_parameters, parameter_count};
pub(crate) use params::{blend, flat_gradients, lookup, map_parameters, prefixed, values_of, with_prefix};
pub(crate) use pretrained::{Backbone, drop_channels};
pub use published::{Detector, Judgement};
pub use statistics::{Folded, Mode, Statistics};

/// What a generator looks at: pictures `[n, 3, h, w]` with values in 0..=1, or what a backbone makes of them, finest first.
pub type Sight = Vec<Tensor<4>>;

/// A picture, or an anomaly map, of one or more planes, as `[1, c, h, w]`.
pub(crate) fn planes_tensor(values: &[f32], [height, width]: [usize; 2], device: &Device) -> Tensor<4> {
    let shape = [1, values.len() / (height * width), height, width];
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Values in 0..=1, brought to -2..=2.
fn centred(values: Tensor<4>) -> Tensor<4> {
    (values - 0.5) * 4.0
}
