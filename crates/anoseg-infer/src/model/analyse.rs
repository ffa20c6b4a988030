//! From an image to its score and map.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use anoseg_image::{AnomalyMap, Image, Mask};
use rayon::prelude::*;

use super::{Model, Network, record};
use crate::geometry::Joined;
use crate::preprocess::Prepared;
use crate::runtime::Program;
use crate::score::{clear_outside, probabilities};
use crate::{Analysis, Description, Error, Extent, ModelFault, Pose, Result, Window};

/// Bytes that the windows under way may take together. A single window may take more.
const BUDGET: usize = 128 << 20;

/// Windows that are under way at a time.
fn at_a_time(program: &Program) -> usize {
    let [.., height, width] = program.input_shape();
    // Beside the workspace the input and the logits.
    let bytes = program.workspace_bytes() + 4 * height * width * size_of::<f32>();
    (BUDGET / bytes.max(1)).max(1)
}

/// An image at the network's scale.
enum Source<'a> {
    Whole(&'a Image),
    Rows(Prepared<'a>),
}

impl Source<'_> {
    fn extent(&self) -> Extent {
        match self {
            Self::Whole(image) => Extent::of(image),
            Self::Rows(prepared) => prepared.extent(),
        }
    }

    fn rows(&self, rows: Range<usize>) -> Cow<'_, Image> {
        match self {
            Self::Whole(image) if rows.len() == image.height() => Cow::Borrowed(image),
            Self::Whole(image) => Cow::Owned(image.cut((0, rows.start as isize), image.width(), rows.len())),
            Self::Rows(prepared) => Cow::Owned(prepared.rows(rows)),
        }
    }
}

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
            let prepared = preprocess.prepare(image, pose);
            let Extent { width, height } = prepared.extent();
            let counts = preprocess.inside(width, height);
            let Analysis { score, map } = self.analyse_all(&Source::Rows(prepared), None, counts.as_ref())?;
            // The map is cleared at the image's own size, so that the region ends at a sharp line.
            let mut map = preprocess.restored(map, pose, image.width(), image.height());
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
        let mut analysis = self.analyse_all(&Source::Whole(image), source, inside)?;
        clear_outside(&mut analysis.map, inside);
        Ok(analysis)
    }

    /// The score from the pixels inside, and the map of all pixels.
    fn analyse_all(
        &self,
        image: &Source<'_>,
        number: Option<usize>,
        inside: Option<&Mask>,
    ) -> Result<Analysis> {
        let Description { preprocess, postprocess, .. } = &self.description;
        let plane = image.extent();
        let area = preprocess.geometry.reference_area(plane);
        let (logits, distance) = self.on_threads(|| self.logits(image, number))?;
        let logits = postprocess.smooth(logits, inside, area);
        let rule = postprocess.score;
        let score_of = |values: &AnomalyMap| match distance {
            Some(distance) => distance / (1.0 + distance),
            None => rule.score_of(values, inside, area),
        };
        let early = rule.takes_logits().then(|| score_of(&logits));
        let map = probabilities(logits);
        let score = early.unwrap_or_else(|| score_of(&map));
        // Huge finite weights give finite outputs whose sums are not.
        let in_range = |value: &f32| (0.0..=1.0).contains(value);
        if !(in_range(&score) && map.as_slice().iter().all(in_range)) {
            return Err(Error::model(&self.path, ModelFault::NotFinite));
        }
        Ok(Analysis { score, map })
    }

    /// The logits of all pixels and, where there is a second GAN, the highest of its scores.
    fn logits(&self, image: &Source<'_>, number: Option<usize>) -> Result<(AnomalyMap, Option<f32>)> {
        let geometry = &self.description.preprocess.geometry;
        let plane = image.extent();
        let [height, width] = geometry.window_size(plane);
        let smaller = self.smaller_program([height, width])?;
        let program = smaller.as_deref().unwrap_or(&self.program);
        let windows = geometry.windows(plane);
        let is_whole = windows.len() == 1 && plane == Extent { width, height };
        let mut joined = (!is_whole).then(|| Joined::new(geometry, plane));
        let (mut logits, mut highest) = (None, None::<f32>);
        for row in windows.chunk_by(|a, b| a.y == b.y) {
            let first = row[0].y.max(0) as usize;
            let strip = image.rows(first..(first + height).min(plane.height));
            for some in row.chunks(at_a_time(program)) {
                let run = |window: &Window| self.run_window(program, &strip, first, *window, number);
                let parts: Vec<_> = some.par_iter().map(run).collect();
                for (part, distance) in parts {
                    if part.as_slice().iter().chain(&distance).any(|value| !value.is_finite()) {
                        return Err(Error::model(&self.path, ModelFault::NotFinite));
                    }
                    highest = highest.into_iter().chain(distance).max_by(f32::total_cmp);
                    match &mut joined {
                        Some(joined) => joined.add(&part),
                        None => logits = Some(part),
                    }
                }
            }
        }
        let logits = joined.map(Joined::finish).or(logits);
        Ok((logits.unwrap_or_else(|| AnomalyMap::filled(0, 0, 0.0)), highest))
    }

    /// Runs the network on one window of an image at the network's scale, of which `strip` has the rows
    /// from `first` on. Gives the map's logits and, where there is a second GAN, its score.
    fn run_window(
        &self,
        program: &Program,
        strip: &Image,
        first: usize,
        window: Window,
        number: Option<usize>,
    ) -> (AnomalyMap, Option<f32>) {
        let excluded = match &self.network {
            Network::Pretrained { backbone, .. } => vec![backbone.memory.own(number)],
            Network::Images { .. } => Vec::new(),
        };
        let [.., height, width] = program.input_shape();
        let at = (window.x, window.y - first as isize);
        let outputs = if (at, strip.width(), strip.height()) == ((0, 0), width, height) {
            program.run_windows(strip.as_slice(), &excluded, &[window])
        } else {
            let part = strip.cut(at, width, height);
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
