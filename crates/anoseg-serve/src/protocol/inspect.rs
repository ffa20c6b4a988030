//! From the images of a request to what is kept of them.

use super::output::Outcome;
use super::tensors::Images;
use crate::failure::Failure;
use crate::inspect::Inspector;

/// Inspects the images of a request, one after the other. Maps are kept if `with_map`.
///
/// # Errors
/// An image is refused, or the time is over.
pub(crate) fn inspect(
    inspector: &Inspector<'_>,
    images: Images,
    with_map: bool,
) -> Result<Vec<Outcome>, Failure> {
    inspector.app.metrics.began(images.count());
    match images {
        Images::Pixels { samples, size: (width, height) } => samples
            .chunks_exact(3 * width * height)
            .map(|rgb| Outcome::of(inspector.pixels(rgb, (width, height))?, with_map))
            .collect(),
        Images::Files(files) => {
            let (mut outcomes, mut pixels) = (Vec::new(), 0);
            for (number, file) in files.iter().enumerate() {
                let judged = inspector.file(file, &format!("image {number}"))?;
                let image = &judged.inspected.image;
                pixels += image.width() as u64 * image.height() as u64;
                outcomes.push(Outcome::of(judged, with_map)?);
                check_pixels(pixels, inspector.app.settings.limits.max_pixels)?;
            }
            Ok(outcomes)
        }
    }
}

/// The limit on one image is one on all of a request, too: small files may be large images, whose maps
/// are kept.
fn check_pixels(pixels: u64, most: u64) -> Result<(), Failure> {
    if pixels > most {
        return Err(Failure::too_large(format!(
            "the images of a request have more than {most} pixels together"
        )));
    }
    Ok(())
}
