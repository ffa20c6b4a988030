//! Native inference and an engine on the same images.

use anoseg_image::Image;
use anoseg_infer::{Analysis, Model, Window, WindowOutputs};

use crate::VerifyError;
use crate::engine::{Engine, Engines, Inputs, Outputs, Pixels, Wanted};
use crate::exported::{Exported, Route};
use crate::report::{Changed, Compared, Judged, NotCompared, Report};

/// A comparison under way.
pub struct Comparison<'a> {
    model: &'a Model,
    file: &'a Exported,
    engines: Vec<Engine>,
    report: Report,
}

impl<'a> Comparison<'a> {
    /// A comparison of `model` with `file`, which was exported from it, in `engines`.
    pub fn new(model: &'a Model, file: &'a Exported, engines: Engines) -> Self {
        let Engines { engines, missing } = engines;
        let compared = engines.iter().map(|engine| Compared::new(engine.name, engine.library.clone()));
        let report = Report::new(compared.collect(), missing);
        Self { model, file, engines, report }
    }

    /// Compares an image, which `name` stands for in the report. One that cannot be compared is listed
    /// there with the reason, which is returned.
    ///
    /// # Errors
    /// An engine does not run, or native inference fails.
    pub fn add(&mut self, name: &str, image: &Image) -> Result<Option<String>, VerifyError> {
        let route = match self.file.route(self.model, image) {
            Ok(route) => route,
            Err(reason) => {
                self.report.leave_out(name, &reason);
                return Ok(Some(reason));
            }
        };
        let native = self.model.analyse(image)?;
        let bytes = self.file.with_preprocessing.then(|| image.to_rgb8());
        for (engine, compared) in self.engines.iter_mut().zip(&mut self.report.engines) {
            let mut run = Run { model: self.model, file: self.file, engine, image, bytes: bytes.as_deref() };
            let found = match route {
                Route::Graph => run.graph()?,
                Route::Logits => run.logits()?,
            };
            compared.add(name, &native, &found);
            let [native, found] = [&native, &found].map(|analysis| judge(self.model, analysis));
            if native.decision != found.decision {
                compared.changed.push(Changed { image: name.to_owned(), native, engine: found });
            }
        }
        self.report.images += 1;
        Ok(None)
    }

    /// Notes an image that cannot be read, with the reason.
    pub fn unreadable(&mut self, name: &str, reason: String) {
        self.report.unreadable.push(NotCompared { image: name.to_owned(), reason });
    }

    /// What was found.
    pub fn finish(self) -> Report {
        self.report
    }
}

fn judge(model: &Model, analysis: &Analysis) -> Judged {
    let calibration = model.description().calibration.as_ref();
    let decision = calibration.map(|calibration| calibration.decide(analysis.score));
    Judged { score: analysis.score, decision }
}

/// An image in an engine.
struct Run<'a> {
    model: &'a Model,
    file: &'a Exported,
    engine: &'a mut Engine,
    image: &'a Image,
    /// 8-bit red, green and blue, for graphs with preprocessing.
    bytes: Option<&'a [u8]>,
}

impl Run<'_> {
    /// Map and score of the graph, at the image's size.
    fn graph(&mut self) -> Result<Analysis, VerifyError> {
        let input = self.model.prepare(self.image);
        let window = Window::whole(input.width(), input.height());
        let outputs = self.run(&input, window, Wanted::Map)?;
        Ok(Analysis { score: outputs.score, map: self.model.restored(outputs.map, self.image) })
    }

    /// Map and score that the model's own steps make of the graph's logits.
    fn logits(&mut self) -> Result<Analysis, VerifyError> {
        let (model, image) = (self.model, self.image);
        let has_distance = model.description().architecture.clone().in_use().detector;
        model.analyse_by(image, |pixels, window| {
            let outputs = self.run(pixels, window, Wanted::Logits)?;
            let distance = has_distance.then(|| distance(outputs.score));
            Ok(WindowOutputs { logits: outputs.map, distance })
        })
    }

    /// What the graph gives for a window of the image.
    fn run(&mut self, pixels: &Image, window: Window, wanted: Wanted) -> Result<Outputs, VerifyError> {
        let size = [pixels.height(), pixels.width()];
        let tiles = self.model.description().preprocess.geometry.is_tiled();
        let place = [window.x as f32, window.y as f32, window.plane.width as f32, window.plane.height as f32];
        let inputs = match self.bytes {
            Some(bytes) => {
                let size = [self.image.height(), self.image.width()];
                Inputs { pixels: Pixels::Bytes(bytes), size, window: None }
            }
            None => {
                Inputs { pixels: Pixels::Floats(pixels.as_slice()), size, window: tiles.then_some(place) }
            }
        };
        let outputs = self.engine.run(&inputs, wanted, size);
        outputs.map_err(|what| self.file.refused(self.engine.name, what))
    }
}

/// The second GAN's distance of a score, `d / (1 + d)`.
fn distance(score: f32) -> f32 {
    if score < 1.0 { score / (1.0 - score) } else { f32::MAX }
}
