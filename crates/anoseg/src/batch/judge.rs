//! Images from anywhere to verdicts in memory, and verdicts from elsewhere into a folder of results.

use std::ops::ControlFlow;
use std::path::Path;

use anoseg_image::{ImageError, Limits};
use anoseg_infer::{Error, ErrorKind, Model};

use super::pipeline::{self, Desk, Work};
use super::work::BYTES_PER_PIXEL;
use super::{Results, ResultsError, Verdict, inspect_bytes};

/// Images that are read by their number, from 0 on. Several are read at a time.
pub trait ImageSource: Sync {
    /// Why an image cannot be had for a reason that is not in the image, such as a store that does not answer.
    type Error: Send;

    /// The number of images.
    fn count(&self) -> usize;

    /// The image's name, in its verdict and in messages.
    fn name(&self, image: usize) -> &Path;

    /// About how many pixels the image has, so that not too many are in memory at a time.
    fn pixels(&self, image: usize) -> u64;

    /// The bytes of the image's file. An inner error is the image's and becomes its verdict; an outer one ends the
    /// work.
    ///
    /// # Errors
    /// The image cannot be had, for a reason that is not in it.
    fn read(&self, image: usize) -> Result<Result<Vec<u8>, ImageError>, Self::Error>;
}

/// Why images could not be judged.
#[derive(Debug)]
pub enum JudgeFailure<E> {
    /// An image could not be had.
    Source(E),
    /// The model cannot judge any image.
    Model(Error),
}

/// Judges all images of a source, each within `limits`, as [`inspect_into`](super::inspect_into) does: verdicts in
/// the order of the images, with the pixels of their regions, without files and without the model's digest. An image
/// that cannot be judged has a verdict that says why. `stop` is asked before each image; None if it said yes.
///
/// # Errors
/// The model cannot judge, or an image could not be had. The verdicts are lost then.
pub fn judge<S: ImageSource>(
    model: &Model,
    source: &S,
    limits: &Limits,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Vec<Verdict>>, JudgeFailure<S::Error>> {
    model.calibration().map_err(JudgeFailure::Model)?;
    let mut desk = Verdicts { stop, verdicts: Vec::new(), failure: None, stopped: false };
    pipeline::run(source.count(), &Judging { model, source, limits }, &mut desk);
    match desk.failure {
        Some(failure) => Err(failure),
        None => Ok((!desk.stopped).then_some(desk.verdicts)),
    }
}

struct Judging<'a, S> {
    model: &'a Model,
    source: &'a S,
    limits: &'a Limits,
}

impl<S: ImageSource> Judging<'_, S> {
    fn judged(&self, image: usize, bytes: &[u8]) -> Result<Verdict, Error> {
        let inspected = inspect_bytes(self.model, bytes, self.source.name(image), self.limits)?;
        Ok(Verdict::of(&inspected, true))
    }
}

impl<S: ImageSource> Work for Judging<'_, S> {
    type Found = Result<Verdict, JudgeFailure<S::Error>>;
    type Unwritten = Self::Found;
    type Written = Self::Found;

    fn bytes(&self, image: usize) -> u64 {
        self.source.pixels(image).saturating_mul(BYTES_PER_PIXEL)
    }

    fn inspect(&self, image: usize) -> Self::Found {
        let bytes = self.source.read(image).map_err(JudgeFailure::Source)?;
        let judged = bytes.map_err(Error::from).and_then(|bytes| self.judged(image, &bytes));
        match judged {
            Err(error) if error.kind() != ErrorKind::Data => Err(JudgeFailure::Model(error)),
            judged => Ok(judged.unwrap_or_else(|error| Verdict::failed(self.source.name(image), &error))),
        }
    }

    fn write(&self, verdict: Self::Unwritten) -> Self::Written {
        verdict
    }
}

struct Verdicts<'a, E> {
    stop: &'a dyn Fn() -> bool,
    verdicts: Vec<Verdict>,
    failure: Option<JudgeFailure<E>>,
    stopped: bool,
}

impl<S: ImageSource> Desk<Judging<'_, S>> for Verdicts<'_, S::Error> {
    fn may_begin(&mut self) -> bool {
        self.stopped = (self.stop)();
        !self.stopped
    }

    fn place(
        &mut self,
        _: usize,
        found: Result<Verdict, JudgeFailure<S::Error>>,
    ) -> Result<Verdict, JudgeFailure<S::Error>> {
        found
    }

    fn record(&mut self, _: usize, judged: Result<Verdict, JudgeFailure<S::Error>>) -> ControlFlow<()> {
        match judged {
            Ok(verdict) => self.verdicts.push(verdict),
            Err(failure) => {
                // The first reason is the one to report.
                self.failure.get_or_insert(failure);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl Results {
    /// Writes the verdict of [`judge`] on the next image, as if it had been judged here.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_judged(&mut self, mut verdict: Verdict) -> Result<(), ResultsError> {
        if !self.has_pixels() {
            verdict.regions.iter_mut().for_each(|region| region.segmentation = None);
        }
        self.append(&self.signed(verdict))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::batch::inspect_file;

    /// The same image under several names; one is cut short, and one cannot be had.
    struct Images {
        names: Vec<PathBuf>,
        cut: usize,
        gone: usize,
    }

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1").join(name)
    }

    fn images(cut: usize, gone: usize) -> Images {
        Images { names: (0..9).map(|number| format!("{number}.png").into()).collect(), cut, gone }
    }

    impl ImageSource for Images {
        type Error = usize;

        fn count(&self) -> usize {
            self.names.len()
        }

        fn name(&self, image: usize) -> &Path {
            &self.names[image]
        }

        fn pixels(&self, _: usize) -> u64 {
            1 << 16
        }

        fn read(&self, image: usize) -> Result<Result<Vec<u8>, ImageError>, usize> {
            let bytes = std::fs::read(fixture("image.png")).unwrap();
            let length = if image == self.cut { 40 } else { bytes.len() };
            if image == self.gone { Err(image) } else { Ok(Ok(bytes[..length].to_vec())) }
        }
    }

    fn judged(images: &Images, stop: &dyn Fn() -> bool) -> Result<Option<Vec<Verdict>>, JudgeFailure<usize>> {
        let model = Model::load(&fixture("compact.anoseg")).unwrap();
        judge(&model, images, &Limits::default(), stop)
    }

    #[test]
    fn verdicts_come_in_order_and_are_those_of_files() {
        let verdicts = judged(&images(3, 99), &|| false).unwrap().unwrap();
        let model = Model::load(&fixture("compact.anoseg")).unwrap();
        let inspected = inspect_file(&model, &fixture("image.png"), &Limits::default()).unwrap();
        for (number, verdict) in verdicts.iter().enumerate() {
            assert_eq!(verdict.image, format!("{number}.png"));
            if number == 3 {
                assert!(verdict.error.as_ref().unwrap().contains("3.png") && verdict.decision.is_none());
            } else {
                let image = verdict.image.clone();
                assert_eq!(*verdict, Verdict { image, ..Verdict::of(&inspected, true) });
            }
        }
        assert_eq!(verdicts.len(), 9);
    }

    #[test]
    fn an_image_that_cannot_be_had_ends_the_work_with_its_reason() {
        assert!(matches!(judged(&images(99, 4), &|| false), Err(JudgeFailure::Source(4))));
    }

    #[test]
    fn work_that_is_stopped_has_no_verdicts() {
        let asked = std::cell::Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) >= 2;
        assert!(judged(&images(99, 99), &stop).unwrap().is_none());
    }
}
