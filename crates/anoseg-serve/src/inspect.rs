//! The inspection of one image, on a computing thread.

use std::path::Path;
use std::time::{Duration, Instant};

use anoseg::batch::Inspected;
use anoseg::{Error, Image, ImageError, ImageView, Limits, PixelFormat, decode};
use anoseg_image::Decoded;

use crate::app::App;
use crate::audit::{Asked, Entry};
use crate::failure::Failure;
use crate::history::Kept;
use crate::repository::Served;
use crate::thresholds::Thresholds;
use crate::work::Turn;

/// Inspects the images of a request.
pub(crate) struct Inspector<'a> {
    pub(crate) app: &'a App,
    pub(crate) served: &'a Served,
    pub(crate) asked: &'a Asked,
    pub(crate) turn: &'a Turn,
}

/// An inspected image.
pub(crate) struct Judged {
    pub(crate) inspected: Inspected,
    /// Its number in the history, where it was kept.
    pub(crate) verdict: Option<i64>,
}

impl Inspector<'_> {
    /// An image file. Errors and the audit log name it `name`.
    ///
    /// # Errors
    /// It cannot be decoded or exceeds the limits, or the time is over.
    pub(crate) fn file(&self, bytes: &[u8], name: &str) -> Result<Judged, Failure> {
        self.file_at(None, bytes, name)
    }

    /// The same, decided by other thresholds than the model's if there are any.
    ///
    /// # Errors
    /// As [`Inspector::file`].
    pub(crate) fn file_at(
        &self,
        thresholds: Option<Thresholds>,
        bytes: &[u8],
        name: &str,
    ) -> Result<Judged, Failure> {
        self.turn.check()?;
        let begun = Instant::now();
        let decoded = Decoded::from_bytes(bytes, Path::new(name), &self.app.settings.limits);
        let Decoded { image, further_pages, .. } = decoded.map_err(Error::from)?;
        self.decoded(begun.elapsed());
        self.image(thresholds, image, further_pages, Some(name))
    }

    /// `height` rows of `width` pixels, red, green and blue of one byte each.
    ///
    /// # Errors
    /// They exceed the limits, the bytes are too few, or the time is over.
    pub(crate) fn pixels(&self, rgb: &[u8], (width, height): (usize, usize)) -> Result<Judged, Failure> {
        self.turn.check()?;
        check_size((width, height), &self.app.settings.limits)?;
        let begun = Instant::now();
        let view = ImageView::new(rgb, width, height, PixelFormat::Rgb8);
        let image = view.map_err(|error| Failure::bad_request(error.to_string()))?.to_image();
        self.decoded(begun.elapsed());
        self.image(None, image, 0, None)
    }

    fn decoded(&self, time: Duration) {
        self.app.metrics.decoded(time);
        self.served.statistics.input.add(time);
    }

    fn image(
        &self,
        thresholds: Option<Thresholds>,
        image: Image,
        further_pages: usize,
        name: Option<&str>,
    ) -> Result<Judged, Failure> {
        self.turn.check()?;
        let begun = Instant::now();
        let mut inspection = self.served.model.inspect(&image)?;
        if let Some(thresholds) = thresholds {
            thresholds.apply(&self.served.model, &image, &mut inspection)?;
        }
        let decision = (inspection.decision, inspection.score);
        let time = begun.elapsed();
        self.app.metrics.inspected(&self.served.name, decision.0, time);
        self.served.statistics.inspected(time);
        // Both before the answer: a client knows of no verdict that a kill of this process would lose.
        let kept = Kept { asked: self.asked, served: self.served, name, image: &image, thresholds };
        let verdict = self.app.keep(&kept, &inspection);
        self.app.write_down(&Entry::decision(self.asked, self.served, name, decision, thresholds, verdict));
        let path = name.unwrap_or_default().into();
        Ok(Judged { inspected: Inspected { path, image, further_pages, inspection }, verdict })
    }
}

/// The limits on a file that are for pixels as well.
fn check_size((width, height): (usize, usize), limits: &Limits) -> Result<(), Failure> {
    let Limits { max_pixels, max_side, min_side, max_alloc_bytes, .. } = *limits;
    let pixels = (width as u64).saturating_mul(height as u64);
    let bytes = pixels.saturating_mul(3 + decode::BYTES_PER_PIXEL);
    if width.min(height) < min_side.max(1) {
        let error = ImageError::TooSmall { path: "image".into(), width, height, min_side };
        return Err(Error::from(error).into());
    }
    if width.max(height) > max_side.min(decode::LONGEST_SIDE)
        || pixels > max_pixels
        || bytes > max_alloc_bytes
    {
        let what = format!(
            "{width} x {height} pixels are too many: sides of {max_side}, {max_pixels} pixels and {max_alloc_bytes} \
             bytes are allowed"
        );
        return Err(Error::from(ImageError::Limit { path: "image".into(), what }).into());
    }
    Ok(())
}
