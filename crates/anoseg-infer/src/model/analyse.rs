//! From an image to its score and map.

use std::sync::Arc;

use anoseg_image::{AnomalyMap, Image, Mask};
use rayon::prelude::*;

use super::{Model, Network, record};
use crate::runtime::Program;
use crate::score::{clear_outside, probabilities};
use crate::{Analysis, Error, Extent, ModelFault, Pose, Result, Window};

impl Model {
    /// Score and anomaly map of an image of any size. Outside the region of interest the map is 0.
    ///
    /// # Errors
    /// The network gave a value that is not finite.
    pub fn analyse(&self, image: &Image) -> Result<Analysis> {
        self.analyse_at(image, self.pose(image).as_ref())
    }

    /// As [`Model::analyse`], of an image whose part lies so.
    pub(super) fn analyse_at(&self, image: &Image, pose: Option<&Pose>) -> Result<Analysis> {
        let preprocess = &self.description.preprocess;
        self.on_threads(|| {
            let prepared = preprocess.apply_at(image, pose);
            let counts = self.inside(&prepared);
            let Analysis { score, map } = self.analyse_all(&prepared, None, counts.as_ref())?;
            // The map is cleared at the image's own size, so that the region ends at a sharp line.
            let mut map = preprocess.restored(&map, pose, image.width(), image.height());
            clear_outside(&mut map, self.inside(image).as_ref());
            Ok(Analysis { score, map })
        })
    }

    /// Score and map of an image that [`Model::prepare`] gave, the map of that size too. `source`
    /// is the number of the training image that it is, whose own features then do not count; it has
    /// no effect after the model was saved and loaded.
    ///
    /// # Errors
    /// The network gave a value that is not finite.
    pub fn analyse_prepared(&self, image: &Image, source: Option<usize>) -> Result<Analysis> {
        self.analyse_inside(image, source, self.inside(image).as_ref())
    }

    /// As [`Model::analyse_prepared`], with another region of interest than the model's own, in the
    /// pixels of the prepared image; the whole image if None.
    ///
    /// # Errors
    /// As [`Model::analyse_prepared`].
    ///
    /// # Panics
    /// If image and mask differ in size.
    pub fn analyse_inside(
        &self,
        image: &Image,
        source: Option<usize>,
        inside: Option<&Mask>,
    ) -> Result<Analysis> {
        let mut analysis = self.analyse_all(image, source, inside)?;
        clear_outside(&mut analysis.map, inside);
        Ok(analysis)
    }

    /// The score from the pixels inside, and the map of all pixels.
    fn analyse_all(&self, image: &Image, source: Option<usize>, inside: Option<&Mask>) -> Result<Analysis> {
        let plane = Extent::of(image);
        let geometry = &self.description.preprocess.geometry;
        let windows = geometry.windows(plane);
        let smaller = self.smaller_program(geometry.window_size(plane))?;
        let program = smaller.as_deref().unwrap_or(&self.program);
        let run = |window: &Window| self.run_window(program, image, *window, source);
        let (mut parts, distances): (Vec<AnomalyMap>, Vec<Option<f32>>) =
            self.on_threads(|| windows.par_iter().map(run).unzip());
        let distances: Vec<f32> = distances.into_iter().flatten().collect();
        if parts.iter().flat_map(AnomalyMap::as_slice).chain(&distances).any(|value| !value.is_finite()) {
            return Err(Error::model(&self.path, ModelFault::NotFinite));
        }
        let logits = match &parts[..] {
            [_] if plane == (Extent { width: parts[0].width(), height: parts[0].height() }) => {
                parts.swap_remove(0)
            }
            _ => geometry.join(plane, &parts),
        };
        let area = geometry.reference_area(plane);
        let smoothed = self.description.postprocess.smooth(&logits, inside, area);
        let map = probabilities(&smoothed);
        let score = match distances.into_iter().max_by(f32::total_cmp) {
            Some(distance) => distance / (1.0 + distance),
            None => self.description.postprocess.score.score(&map, &smoothed, inside, area),
        };
        // Huge finite weights give finite outputs whose sums are not.
        let in_range = |value: &f32| (0.0..=1.0).contains(value);
        if !(in_range(&score) && map.as_slice().iter().all(in_range)) {
            return Err(Error::model(&self.path, ModelFault::NotFinite));
        }
        Ok(Analysis { score, map })
    }

    /// Runs the network on one window of an image at the network's scale. Gives the map's logits and,
    /// where there is a second GAN, its score.
    fn run_window(
        &self,
        program: &Program,
        image: &Image,
        window: Window,
        source: Option<usize>,
    ) -> (AnomalyMap, Option<f32>) {
        let excluded = match &self.network {
            Network::Pretrained { backbone, .. } => vec![backbone.memory.own(source)],
            Network::Images { .. } => Vec::new(),
        };
        let [.., height, width] = program.input_shape();
        let is_all = (window.x, window.y, image.width(), image.height()) == (0, 0, width, height);
        let outputs = if is_all {
            program.run_windows(image.as_slice(), &excluded, &[window])
        } else {
            let part = image.cut((window.x, window.y), width, height);
            program.run_windows(part.as_slice(), &excluded, &[window])
        };
        let mut outputs = outputs.into_iter();
        let logits = AnomalyMap::from_vec(width, height, outputs.next().unwrap_or_default());
        (logits, outputs.next().map(|distance| distance[0]))
    }

    /// The program for windows of this height and width; `None` for those of the network's input.
    fn smaller_program(&self, size: [usize; 2]) -> Result<Option<Arc<Program>>> {
        if size == self.description.preprocess.size() {
            return Ok(None);
        }
        if let Some(known) = self.smaller.get(size) {
            return Ok(Some(known));
        }
        let program = record(&self.description, &self.network, size);
        let program = Arc::new(program.map_err(|fault| Error::model(&self.path, fault))?);
        self.smaller.put(Arc::clone(&program));
        Ok(Some(program))
    }
}
