//! The networks, as plain Burn modules.
//!
//! One encoder reads the picture with its coordinate channels (AnoSeg, section 3.3); a decoder with skip
//! connections draws the anomaly map. All convolution happens at a quarter of the picture's resolution and
//! below: the first layer sees each 4 x 4 block of pixels as one position with sixteen times the channels, and
//! the last layer writes sixteen map pixels per position. Nothing of the picture is thrown away, and the matrix
//! products are large enough to keep a CPU busy.

mod blocks;
mod decoder;
mod discriminator;
mod encoder;
mod generator;
mod init;
mod params;
mod statistics;

pub use decoder::Decoder;
pub use discriminator::Discriminator;
pub use encoder::Encoder;
pub use generator::{Architecture, Generator, Outputs};
pub use init::WeightInit;
pub use params::{ParameterData, ParameterError, export_parameters, import_parameters, parameter_count};
pub(crate) use params::{flat_gradients, map_parameters, values_of};
pub use statistics::{Folded, Mode, Statistics};
