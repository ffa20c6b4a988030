//! Why a folder of images cannot be used.

use std::io;
use std::path::PathBuf;

use crate::decode::{ImageError, io_advice};

/// Why a dataset, or a part of it, cannot be used. Every message names the path and a remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The path does not exist.
    #[error("{} does not exist; check the path", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The path is a file, not a folder.
    #[error("{} is a file; choose the folder that holds the images", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The folder holds no file with the extension of an image.
    #[error(
        "{} holds no images; put PNG, JPEG, TIFF, BMP or WebP files there or choose another folder",
        path.display()
    )]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// The dataset has no images in `train/good`.
    #[error("{} has no training images; put images of good parts into train/good", path.display())]
    NoTrainingImages {
        /// The folder of the dataset.
        path: PathBuf,
    },
    /// `train` has no folder `good`.
    #[error("{} holds no folder named good; move the images of good parts into train/good", path.display())]
    NoGoodFolder {
        /// The `train` folder.
        path: PathBuf,
    },
    /// The folder holds several datasets, so it is not one itself.
    #[error("{} holds several datasets; choose one of them: {}", path.display(), names.join(", "))]
    ManyDatasets {
        /// The folder.
        path: PathBuf,
        /// The names of the datasets in it.
        names: Vec<String>,
    },
    /// An image has two masks.
    #[error(
        "{} has two masks, {} and {}; keep one of them",
        image.display(), first.display(), second.display()
    )]
    TwoMasks {
        /// The image.
        image: PathBuf,
        /// Its first mask.
        first: PathBuf,
        /// Its second mask.
        second: PathBuf,
    },
    /// A mask has another size than its image.
    #[error(
        "mask {} is {} x {} pixels but its image {} is {} x {}; draw the mask on the image itself",
        mask.display(), mask_size.0, mask_size.1, image.display(), image_size.0, image_size.1
    )]
    MaskSize {
        /// The image.
        image: PathBuf,
        /// Width and height of the image.
        image_size: (usize, usize),
        /// The mask.
        mask: PathBuf,
        /// Width and height of the mask.
        mask_size: (usize, usize),
    },
    /// An image or mask cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
}
