//! From an image to its score and map.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use anoseg_image::{AnomalyMap, Image, Mask};
use rayon::prelude::*;

use super::{Model, record};
use crate::geometry::Joined;
use crate::preprocess::Prepared;
use crate::runtime::{Program, free_workspace};
use crate::score::{clear_outside, probabilities};
use crate::{Analysis, Description, Error, Extent, ModelFault, Pose, Result, Window};

/// Bytes that the windows under way may take together. A single window may take more.
const BUDGET: usize = 128 << 20;

/// Windows that are under way at a time. The operators of a large one keep all threads busy.
fn at_a_time(program: &Program) -> usize {
    let [.., height, width] = program.input_shape();
    // Beside the workspace the input and the logits.
    let bytes = program.workspace_bytes() + 4 * height * width * size_of::<f32>();
    (BUDGET / bytes.max(1)).clamp(1, rayon::current_num_threads())
}

/// The logits of the map and, where there is a second GAN, its distance.
pub(super) type ImageOutputs = (AnomalyMap, Option<f32>);

/// An image at the network's scale.
pub(super) enum Source<'a> {
    Whole(&'a Image),
    Prepared(Prepared<'a>),
}

impl Source<'_> {
    fn extent(&self) -> Extent {
        match self {
            Self::Whole(image) => Extent::of(image),
            Self::Prepared(prepared) => prepared.extent(),
        }
    }

    /// Its pixels in these columns and rows.
    fn part(&self, columns: Range<usize>, rows: Range<usize>) -> Part<'_> {
        let at = (columns.start, rows.start);
        match self {
            Self::Whole(image) => Part { image: Cow::Borrowed(image), at: (0, 0) },
            Self::Prepared(prepared) => Part { image: Cow::Owned(prepared.part(columns, rows)), at },
        }
    }
}

/// Pixels of an image at the network's scale.
pub(super) struct Part<'a> {
    image: Cow<'a, Image>,
    /// Column and row of its first pixel.
    at: (usize, usize),
}

impl Part<'_> {
    /// The pixels of a window of this height and width.
    pub(super) fn pixels_of(&self, window: Window, [height, width]: [usize; 2]) -> Cow<'_, Image> {
        let Self { image, at: (left, top) } = self;
        let at = (window.x - *left as isize, window.y - *top as isize);
        if (at, image.width(), image.height()) == ((0, 0), width, height) {
            Cow::Borrowed(image)
        } else {
            Cow::Owned(image.cut(at, width, height))
        }
    }
}

/// Bytes of a row of windows up to which it is made whole.
const WHOLE_ROW: usize = 48 << 20;

/// The windows of a row whose pixels are made together. Where the row takes more than [`WHOLE_ROW`], those
/// of a part take a byte for each pixel of the plane: more would be a notable share of the memory, and with
/// fewer the rows of the image would be resampled too often.
fn together(row: &[Window], [height, width]: [usize; 2]) -> usize {
    let plane = row[0].plane;
    let bytes = |columns: usize| 3 * size_of::<f32>() * height * columns;
    if bytes(plane.width) <= WHOLE_ROW {
        return row.len();
    }
    (plane.width * plane.height / bytes(width)).max(1)
}

/// The pixels of consecutive windows along a line of `len` pixels.
fn span(first: isize, last: isize, side: usize, len: usize) -> Range<usize> {
    first.max(0) as usize..(last + side as isize).min(len as isize) as usize
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
            let source = Source::Prepared(prepared);
            let Analysis { score, map } =
                self.analyse_all(&source, counts.as_ref(), |source| self.logits(source, None))?;
            Ok(Analysis { score, map: self.restored_at(map, image, pose) })
        })
    }

    /// The map of the image at the network's scale as one of the image: at its own size, turned back where the
    /// model aligns, 0 outside the region of interest.
    pub(super) fn restored_at(&self, map: AnomalyMap, image: &Image, pose: Option<&Pose>) -> AnomalyMap {
        // The map is cleared at the image's own size, so that the region ends at a sharp line.
        let mut map = self.description.preprocess.restored(map, pose, image.width(), image.height());
        clear_outside(&mut map, self.inside(image).as_ref());
        map
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
        let mut analysis =
            self.analyse_all(&Source::Whole(image), inside, |image| self.logits(image, source))?;
        clear_outside(&mut analysis.map, inside);
        Ok(analysis)
    }

    /// The score from the pixels inside, and the map of all pixels. `logits` gives those of the image.
    pub(super) fn analyse_all<E: From<Error> + Send>(
        &self,
        image: &Source<'_>,
        inside: Option<&Mask>,
        logits: impl FnOnce(&Source<'_>) -> Result<ImageOutputs, E> + Send,
    ) -> Result<Analysis, E> {
        let (logits, distance) = self.on_threads(|| logits(image))?;
        self.analyse_logits(logits, distance, inside).map_err(E::from)
    }

    /// Score and map of what a network gave for an image at its scale: the logits of all pixels and, where
    /// there is a second GAN, its distance. The map has all pixels; the score comes from those `inside`, if
    /// given.
    ///
    /// # Errors
    /// A value is not finite.
    ///
    /// # Panics
    /// If logits and mask differ in size.
    pub fn analyse_logits(
        &self,
        logits: AnomalyMap,
        distance: Option<f32>,
        inside: Option<&Mask>,
    ) -> Result<Analysis> {
        let Description { preprocess, postprocess, .. } = &self.description;
        let plane = Extent { width: logits.width(), height: logits.height() };
        let area = preprocess.geometry.reference_area(plane);
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
    fn logits(&self, image: &Source<'_>, number: Option<usize>) -> Result<ImageOutputs> {
        let geometry = &self.description.preprocess.geometry;
        let smaller = self.smaller_program(geometry.window_size(image.extent()))?;
        let program = smaller.as_deref().unwrap_or(&self.program);
        let at_a_time = at_a_time(program);
        let logits = self.joined(image, at_a_time, |part, windows| {
            let run = |window: &Window| self.run_window(program, part, *window, number);
            Ok::<_, Error>(windows.par_iter().map(run).collect())
        });
        if at_a_time == 1 && geometry.windows(image.extent()).len() > 1 {
            // Its time was short beside that of many windows, and its memory is needed for the map.
            free_workspace();
        }
        logits
    }

    /// What `run` gives for all windows of an image, joined: it gets the pixels of a part of the image, and
    /// up to `at_a_time` windows that lie in it.
    pub(super) fn joined<E: From<Error>>(
        &self,
        image: &Source<'_>,
        at_a_time: usize,
        mut run: impl FnMut(&Part<'_>, &[Window]) -> Result<Vec<ImageOutputs>, E>,
    ) -> Result<ImageOutputs, E> {
        let geometry = &self.description.preprocess.geometry;
        let plane = image.extent();
        let [height, width] = geometry.window_size(plane);
        let windows = geometry.windows(plane);
        let is_whole = windows.len() == 1 && plane == Extent { width, height };
        let mut joined = (!is_whole).then(|| Joined::new(geometry, plane));
        let (mut logits, mut highest) = (None, None::<f32>);
        let rows = windows.chunk_by(|a, b| a.y == b.y);
        for some in rows.flat_map(|row| row.chunks(together(row, [height, width]))) {
            let (Window { x: left, y, .. }, Window { x: right, .. }) = (some[0], some[some.len() - 1]);
            let columns = span(left, right, width, plane.width);
            let pixels = image.part(columns, span(y, y, height, plane.height));
            for some in some.chunks(at_a_time) {
                for (part, distance) in run(&pixels, some)? {
                    if part.as_slice().iter().chain(&distance).any(|value| !value.is_finite()) {
                        return Err(Error::model(&self.path, ModelFault::NotFinite).into());
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

    /// Runs the network on one window of an image at the network's scale, of which `part` has the pixels.
    /// Gives the map's logits and, where there is a second GAN, its score.
    fn run_window(
        &self,
        program: &Program,
        part: &Part<'_>,
        window: Window,
        number: Option<usize>,
    ) -> ImageOutputs {
        let [.., height, width] = program.input_shape();
        let image = part.pixels_of(window, [height, width]);
        let mut outputs = program.run_windows(image.as_slice(), &[number], &[window]).into_iter();
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
