//! AnoSeg's head on a frozen encoder (preset `accurate`): only the head is trained. It computes the
//! map from the pretrained features and from their distance to those of good images.

mod backbone;
mod efficientnet;
mod encoder;
mod fine_memory;
mod head;
mod kind;
mod memory_bank;
mod resnet;
mod spread;

pub(crate) use backbone::DOUBTFUL;
pub use backbone::{Averaging, Backbone, Features};
pub use encoder::{Encoder, STRIDE};
pub use fine_memory::FineMemory;
pub use head::Head;
pub use kind::{EncoderArchitecture, EncoderKind};
pub use memory_bank::MemoryBank;
pub use spread::Spread;
