//! Inference with another engine in the place of the network.

use anoseg_image::{AnomalyMap, Image};

use super::Model;
use super::analyse::{ImageOutputs, Part, Source};
use crate::{Analysis, Error, Extent, Window};

/// What a network gives for a window of an image.
#[derive(Clone, Debug)]
pub struct WindowOutputs {
    /// The logits of the map before any smoothing, of the window's size; positive = anomalous.
    pub logits: AnomalyMap,
    /// How far the image is from a good one, at least 0, where there is a second GAN.
    pub distance: Option<f32>,
}

impl Model {
    /// As [`Model::analyse`] with `network` in the place of the model's own: preparation, tiles, region of
    /// interest, smoothing and score are those of the model. It is called for one window after the other, with
    /// its pixels (values in 0..=1) and its place.
    ///
    /// # Errors
    /// Those of `network`, or it gave a value that is not finite.
    ///
    /// # Panics
    /// If it gives a map of another size than the window's.
    pub fn analyse_by<E: From<Error> + Send>(
        &self,
        image: &Image,
        mut network: impl FnMut(&Image, Window) -> Result<WindowOutputs, E> + Send,
    ) -> Result<Analysis, E> {
        let (preprocess, pose) = (&self.description.preprocess, self.pose(image));
        let prepared = preprocess.prepare(image, pose.as_ref());
        let plane @ Extent { width, height } = prepared.extent();
        let size = preprocess.geometry.window_size(plane);
        let inside = preprocess.inside(width, height);
        let source = Source::Prepared(prepared);
        let run = |part: &Part<'_>, windows: &[Window]| -> Result<Vec<ImageOutputs>, E> {
            let outputs_of = |&window: &Window| {
                let WindowOutputs { logits, distance } = network(&part.pixels_of(window, size), window)?;
                Ok((logits, distance))
            };
            windows.iter().map(outputs_of).collect()
        };
        let Analysis { score, map } =
            self.analyse_all(&source, inside.as_ref(), |source| self.joined(source, 1, run))?;
        Ok(Analysis { score, map: self.restored_at(map, image, pose.as_ref()) })
    }

    /// A map of what [`Model::prepare`] gave for an image, as [`Model::analyse`] gives it: at the image's size,
    /// turned back where the model aligns, 0 outside the region of interest.
    pub fn restored(&self, map: AnomalyMap, image: &Image) -> AnomalyMap {
        self.restored_at(map, image, self.pose(image).as_ref())
    }
}
