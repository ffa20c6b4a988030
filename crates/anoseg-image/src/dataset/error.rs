//! Why a folder of pictures cannot be used.

use std::io;
use std::path::PathBuf;

use crate::decode::{ImageError, io_advice};

/// Why a dataset, or a part of it, cannot be used. Every message names the path and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Nothing is at the path.
    #[error("{} does not exist; check the path", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A file where a folder is needed.
    #[error("{} is a file; name the folder that holds the pictures", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot read {}: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No file with the name of a picture.
    #[error(
        "{} holds no pictures; put PNG, JPEG, TIFF, BMP or WebP files there or name another folder",
        path.display()
    )]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// A category without `train/good`.
    #[error("{} has no pictures to learn from; put pictures of good parts into train/good", path.display())]
    NoTrainingPictures {
        /// The category folder.
        path: PathBuf,
    },
    /// `train` without `good` in it.
    #[error("{} holds no folder good; move the pictures of good parts into train/good", path.display())]
    NoGoodFolder {
        /// The `train` folder.
        path: PathBuf,
    },
    /// A folder of categories instead of one category.
    #[error("{} holds several categories; name one of them: {}", path.display(), names.join(", "))]
    ManyCategories {
        /// The folder.
        path: PathBuf,
        /// The categories in it.
        names: Vec<String>,
    },
    /// Two masks for one picture.
    #[error(
        "{} has two masks, {} and {}; keep one of them",
        image.display(), first.display(), second.display()
    )]
    TwoMasks {
        /// The picture.
        image: PathBuf,
        /// Its first mask.
        first: PathBuf,
        /// Its second mask.
        second: PathBuf,
    },
    /// A mask of another size than its picture.
    #[error(
        "mask {} is {} x {} pixels but its picture {} is {} x {}; draw the mask on the picture itself",
        mask.display(), mask_size.0, mask_size.1, image.display(), image_size.0, image_size.1
    )]
    MaskSize {
        /// The picture.
        image: PathBuf,
        /// Width and height of the picture.
        image_size: (usize, usize),
        /// The mask.
        mask: PathBuf,
        /// Width and height of the mask.
        mask_size: (usize, usize),
    },
    /// A picture or mask that cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
}
