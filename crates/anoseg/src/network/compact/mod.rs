//! The network of preset `fast`, with skip connections.
//!
//! All convolution happens at a quarter of the picture's resolution and below: the first layer sees each 4 x 4 block of
//! pixels as one position with sixteen times the channels, and the last layer writes sixteen map pixels per position.
//! Nothing of the picture is thrown away, and the matrix products are large enough to keep a CPU busy.

mod decoder;
mod discriminator;
mod encoder;

pub use decoder::Decoder;
pub use discriminator::Discriminator;
pub use encoder::Encoder;
pub(super) use encoder::PATCH;
