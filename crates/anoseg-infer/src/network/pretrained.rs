//! AnoSeg's head on a frozen encoder (preset `accurate`): training moves only the layers from features that were learned
//! elsewhere, and from their distance to those of good images, to the map.

mod backbone;
mod efficientnet;
mod head;
mod memory_bank;
mod spread;

pub use backbone::{ALL_CHANNELS, Backbone, DESCRIPTOR, Features};
pub use efficientnet::{CHANNELS, EfficientNet, STRIDE};
pub use head::Head;
pub use memory_bank::MemoryBank;
pub use spread::Spread;
