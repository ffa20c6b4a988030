//! Images, masks and dataset layouts for anomaly segmentation.
//!
//! | module | what |
//! |---|---|
//! | [`decode`] | files to [`Image`]s and [`Mask`]s, within [`Limits`] |
//! | [`resample`] | other sizes of images, anomaly maps and masks |
//! | [`dataset`] | category folders: training pictures, test pictures, ground truth |
//! | [`ImageView`] | raw camera buffers to [`Image`]s |
//! | [`regions`] | connected components of a mask |
//! | [`write`](mod@write) | files that are either the old one or the new one, never a broken one |

pub mod dataset;
pub mod decode;
mod plane;
pub mod regions;
pub mod resample;
mod view;
pub mod write;

pub use dataset::{Category, DatasetError, TestImage};
pub use decode::{ImageError, Limits};
pub use plane::{AnomalyMap, Image, Mask, Plane};
pub use regions::{Labels, Region};
pub use resample::Filter;
pub use view::{ImageView, PixelFormat, ViewError};
pub use write::WriteError;
