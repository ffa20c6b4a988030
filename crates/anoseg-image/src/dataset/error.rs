//! Why a folder of images cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use super::left_out::{LeftOut, summarise_left_out};
use super::{Layout, display_name};
use crate::decode::{ImageError, io_advice};

/// Why a dataset, or a part of it, cannot be used. Every message names the path and a remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The path does not exist.
    #[error("{} does not exist; check the path", display_name(path))]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The path is a file, not a folder.
    #[error("{} is a file; choose the folder that holds the images", display_name(path))]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}; {}", display_name(path), io_advice(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The folder holds no file that is an image.
    #[error("{} holds no images{}", display_name(path), instead(left_out))]
    NoImages {
        /// The folder.
        path: PathBuf,
        /// What lies there instead.
        left_out: Vec<LeftOut>,
    },
    /// A link leads to something that does not exist, such as a share that is not mounted.
    #[error(
        "{} is a link to {}, which does not exist; mount the share that it lies on, or remove the link",
        display_name(path),
        display_name(target)
    )]
    DeadLink {
        /// The link.
        path: PathBuf,
        /// What it leads to.
        target: PathBuf,
    },
    /// A link leads back to a folder that it lies in.
    #[error(
        "{} is a link back to {}, which it lies in; remove the link",
        display_name(path),
        display_name(target)
    )]
    Loop {
        /// The link.
        path: PathBuf,
        /// What it leads to.
        target: PathBuf,
    },
    /// The folder holds too much, or folders too deep in each other, to be one of images.
    #[error("{} is not listed: {what}; choose a folder that holds images", display_name(path))]
    TooLarge {
        /// The folder.
        path: PathBuf,
        /// What is too much.
        what: String,
    },
    /// The user stopped the listing.
    #[error("stopped while {} was listed", display_name(path))]
    Stopped {
        /// The folder.
        path: PathBuf,
    },
    /// The dataset has no images in `train/good`.
    #[error("{} has no training images; put images of good parts into train/good", display_name(path))]
    NoTrainingImages {
        /// The folder of the dataset.
        path: PathBuf,
    },
    /// `train` has no folder `good`.
    #[error(
        "{} holds no folder named good; move the images of good parts into train/good",
        display_name(path)
    )]
    NoGoodFolder {
        /// The `train` folder.
        path: PathBuf,
    },
    /// The folder holds several datasets, so it is not one itself.
    #[error("{} {}", display_name(path), held(names))]
    ManyDatasets {
        /// The folder.
        path: PathBuf,
        /// The names of the datasets in it.
        names: Vec<String>,
    },
    /// It is not clear which images of the folder show good parts.
    #[error(
        "{}: {found}; so it is not clear which images show good parts. Move those into train/good, or into a folder \
         named good",
        display_name(path)
    )]
    Suspicious {
        /// The folder.
        path: PathBuf,
        /// What was seen.
        found: String,
    },
    /// The folder holds nothing of the layout that was chosen.
    #[error("{} holds no images in the layout {layout}", display_name(path))]
    OtherLayout {
        /// The folder.
        path: PathBuf,
        /// The layout.
        layout: Layout,
    },
    /// An image has two masks.
    #[error(
        "{} has two masks, {} and {}; keep one of them",
        display_name(image),
        display_name(first),
        display_name(second)
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
        display_name(mask), mask_size.0, mask_size.1, display_name(image), image_size.0, image_size.1
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

/// What a folder without images holds instead, or what to put there.
fn instead(left_out: &[LeftOut]) -> String {
    let seen = summarise_left_out(left_out, true);
    if left_out.iter().any(LeftOut::is_loss) {
        return format!(" that are read: {}", seen.join("; "));
    }
    let remedy = "; put PNG, JPEG, TIFF, BMP, WebP, GIF or PNM files there or choose another folder";
    if seen.is_empty() { remedy.to_owned() } else { format!(" ({}){remedy}", seen.join("; ")) }
}

impl DatasetError {
    /// The file or folder that the error is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing { path }
            | Self::NotAFolder { path }
            | Self::Io { path, .. }
            | Self::NoImages { path, .. }
            | Self::DeadLink { path, .. }
            | Self::Loop { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Stopped { path }
            | Self::NoTrainingImages { path }
            | Self::NoGoodFolder { path }
            | Self::ManyDatasets { path, .. }
            | Self::Suspicious { path, .. }
            | Self::OtherLayout { path, .. } => path,
            Self::TwoMasks { image, .. } => image,
            Self::MaskSize { mask, .. } => mask,
            Self::Image(error) => error.path(),
        }
    }
}
/// The datasets in a folder that is none itself, and what to do.
fn held(names: &[String]) -> String {
    match names {
        [one] => format!("is no dataset itself but holds one, {one}; give that folder"),
        _ => format!("holds several datasets ({}); choose one of them", names.join(", ")),
    }
}
