//! `anoseg predict --shard`.

use std::path::Path;

use anoseg::Limits;
use anoseg::batch::{Part, lines_of_left_out};
use anoseg_image::DatasetError;
use anoseg_image::dataset::{Found, LeftOut};

use crate::args::Predict;

/// The part of the batch that this call inspects, if it is divided. What other parts tell is taken out of what
/// was found; their images stay, because they decide the names of result files.
pub(super) fn narrow(found: &mut Found, options: &Predict, limits: &Limits) -> Option<Part> {
    let shard = options.shard?;
    // In the order of their lines.
    let left_out = lines_of_left_out(found);
    let left_out = left_out.iter().map(|(path, _)| path.as_path());
    let lines = left_out.chain(found.images.iter().map(|image| image.as_path()));
    let part = Part::new(shard, &options.inputs, lines).with_segmentation(options.coco_segmentation);
    let part = part.within(*limits);
    let part = if options.tree { part.mirroring() } else { part };
    found.left_out.retain(|item: &LeftOut| part.takes(&item.path));
    found.failures.retain(|failure| path(failure).is_none_or(|path| part.takes(path)));
    Some(part)
}

/// What a failure is of.
fn path(failure: &DatasetError) -> Option<&Path> {
    match failure {
        DatasetError::Missing { path }
        | DatasetError::Io { path, .. }
        | DatasetError::NoImages { path, .. }
        | DatasetError::DeadLink { path, .. }
        | DatasetError::Loop { path, .. }
        | DatasetError::TooLarge { path, .. } => Some(path),
        _ => None,
    }
}
