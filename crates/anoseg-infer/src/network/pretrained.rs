//! AnoSeg's head on a frozen encoder (preset `accurate`): only the head is trained. It computes the
//! map from the pretrained features and from their distance to those of good images.

mod backbone;
mod efficientnet;
mod fine_memory;
mod head;
mod memory_bank;
mod spread;

pub(crate) use backbone::DOUBTFUL;
pub use backbone::{ALL_CHANNELS, Averaging, Backbone, DESCRIPTOR, Features};
pub use efficientnet::{CHANNELS, EfficientNet, STRIDE};
pub use fine_memory::{FINE_DESCRIPTOR, FineMemory};
pub use head::Head;
pub use memory_bank::MemoryBank;
pub use spread::Spread;
