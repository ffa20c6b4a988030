//! A model, and the results of the newest image.

use std::path::Path;

use anoseg::batch::{Inspected, Verdict, inspect_bytes};
use anoseg::{Error, ImageView, Limits, Model, PixelFormat};
use anoseg_image::draw::{heat_layer, outline_layer};
use serde::Serialize;

/// Most pixels of an image. A module has at most 4 GiB of memory, and layers take 13 bytes a pixel of it.
pub const MOST_PIXELS: u64 = 32_000_000;

/// A model and the results of the newest image.
#[derive(Debug, Default)]
pub struct Session {
    model: Option<Loaded>,
    /// The reply to the newest call: JSON, or the message of an error.
    pub text: String,
    /// The image on the model's value scale: RGBA, four bytes a pixel.
    pub image: Vec<u8>,
    /// The anomaly map in colour, transparent where it is low: RGBA, four bytes a pixel.
    pub heat: Vec<u8>,
    /// The outlines of the regions, transparent elsewhere: RGBA, four bytes a pixel.
    pub outline: Vec<u8>,
    /// The pixels of the regions: 255, elsewhere 0. One byte a pixel.
    pub mask: Vec<u8>,
}

#[derive(Debug)]
struct Loaded {
    model: Model,
    digest: String,
    pixel_threshold: f32,
}

/// What a page shows of a model.
#[derive(Serialize)]
struct ModelRecord<'a> {
    model_digest: &'a str,
    /// Thresholds of the score.
    image_threshold: f32,
    review_threshold: f32,
    /// Threshold of the map.
    pixel_threshold: f32,
}

impl Session {
    /// Loads a model file, and replies with its digest and thresholds. The model before is dropped, also
    /// where this one is unusable.
    ///
    /// # Errors
    /// What is wrong with it, with its `name`: damaged, newer than this version, without thresholds.
    pub fn load(&mut self, bytes: &[u8], name: &str) -> Result<(), String> {
        *self = Self::default();
        let loaded = Loaded::new(bytes).map_err(|error| named(name, &error))?;
        self.text = loaded.record().map_err(|error| named(name, &error))?;
        self.model = Some(loaded);
        Ok(())
    }

    /// Inspects an image file (PNG, JPEG, TIFF, ...), and replies with the line that `predict` writes.
    ///
    /// # Errors
    /// The file is damaged or exceeds the limits, or no model is loaded; with its `name`.
    pub fn inspect_file(&mut self, bytes: &[u8], name: &str) -> Result<(), String> {
        self.inspect(name, |model| inspect_bytes(model, bytes, Path::new(name), &limits()))
    }

    /// Inspects `width` x `height` pixels of a canvas, RGBA of one byte each, and replies as
    /// [`Session::inspect_file`].
    ///
    /// # Errors
    /// The bytes are too few, the image exceeds the limits, or no model is loaded.
    pub fn inspect_pixels(
        &mut self,
        rgba: &[u8],
        (width, height): (usize, usize),
        name: &str,
    ) -> Result<(), String> {
        if width as u64 * height as u64 > MOST_PIXELS {
            return Err(format!("{name}: {width} x {height} pixels are more than {MOST_PIXELS}"));
        }
        let view = ImageView::new(rgba, width, height, PixelFormat::Rgba8);
        let image = view.map_err(|error| format!("{name}: {error}"))?.to_image();
        self.inspect(name, |model| {
            let inspection = model.inspect(&image)?;
            let image = model.scaled(&image).into_owned();
            Ok(Inspected { path: name.into(), image, further_pages: 0, inspection })
        })
    }

    fn inspect(
        &mut self,
        name: &str,
        work: impl FnOnce(&Model) -> Result<Inspected, Error>,
    ) -> Result<(), String> {
        self.clear();
        let loaded = self.model.as_ref().ok_or("no model is loaded")?;
        let inspected = work(&loaded.model).map_err(|error| named(name, &error))?;
        let verdict = Verdict { model_digest: loaded.digest.clone(), ..Verdict::of(&inspected, false) };
        self.text = serde_json::to_string(&verdict).map_err(|error| format!("{name}: {error}"))?;
        let Inspected { image, inspection, .. } = inspected;
        self.image = opaque(&image.to_rgb8());
        drop(image);
        self.heat = heat_layer(&inspection.map, loaded.pixel_threshold);
        self.outline = outline_layer(&inspection.mask);
        self.mask = inspection.mask.as_slice().iter().map(|&on| u8::from(on) * 255).collect();
        Ok(())
    }

    /// Frees the layers of the image before, so that two are not in memory at a time.
    fn clear(&mut self) {
        let model = self.model.take();
        *self = Self { model, ..Self::default() };
    }
}

impl Loaded {
    fn new(bytes: &[u8]) -> Result<Self, Error> {
        let model = Model::from_bytes(bytes)?;
        let (digest, pixel_threshold) = (model.digest()?, model.calibration()?.pixel_threshold);
        Ok(Self { model, digest, pixel_threshold })
    }

    fn record(&self) -> Result<String, Error> {
        let calibration = self.model.calibration()?;
        let record = ModelRecord {
            model_digest: &self.digest,
            image_threshold: calibration.image_threshold,
            review_threshold: calibration.review_threshold,
            pixel_threshold: calibration.pixel_threshold,
        };
        serde_json::to_string(&record).map_err(|error| Error::Bug(error.to_string()))
    }
}

fn limits() -> Limits {
    Limits { max_pixels: MOST_PIXELS, max_alloc_bytes: 1 << 30, ..Limits::default() }
}

/// The message of an error on the file `name`. A model in memory has no path to name.
fn named(name: &str, error: &Error) -> String {
    match error {
        Error::Image(error) => error.to_string(),
        Error::Model { fault, .. } => format!("{name}: {fault}"),
        Error::NotCalibrated { .. } => format!("{name}: the model has no thresholds yet"),
        error => format!("{name}: {error}"),
    }
}

/// RGB as RGBA without transparency.
fn opaque(rgb: &[u8]) -> Vec<u8> {
    rgb.as_chunks().0.iter().flat_map(|&[red, green, blue]| [red, green, blue, 255]).collect()
}
