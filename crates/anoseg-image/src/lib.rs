//! Images, masks and dataset layouts for anomaly segmentation.
//!
//! | item | purpose |
//! |---|---|
//! | [`decode`] | files to [`Image`]s and [`Mask`]s, within [`Limits`] |
//! | [`read`] | other files, never pipes or devices |
//! | [`resample`] | resizing of images, anomaly maps and masks |
//! | [`dataset`] | dataset folders: training images, test images, ground truth |
//! | [`ImageView`] | raw camera buffers to [`Image`]s |
//! | [`text`] | characters of names that are not shown but obeyed; counts |
//! | [`draw`] | anomaly maps and outlines over images |
//! | [`regions`] | connected components of a mask |
//! | [`write`](mod@write) | atomic writing of images, masks and anomaly maps |

pub mod dataset;
pub mod decode;
pub mod draw;
pub mod floats;
mod plane;
pub mod read;
pub mod regions;
pub mod resample;
mod samples;
pub mod text;
mod view;
pub mod write;

pub use dataset::{Dataset, DatasetError, TestImage};
pub use decode::{Decoded, ImageError, Limits};
pub use plane::{AnomalyMap, Image, Mask, Plane, SampleType};
pub use regions::{Labels, Region};
pub use resample::Filter;
pub use view::{ImageView, PixelFormat, ViewError};
pub use write::WriteError;
