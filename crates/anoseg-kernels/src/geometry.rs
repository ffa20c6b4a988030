//! Where the values of a convolution lie, so that one loop serves every kernel size, stride and
//! padding.
//!
//! An image's plane is laid out in *phases*: with stride s, rows `i, i + s, i + 2s ...` and columns
//! likewise form one of s x s smaller planes, zero padding included. In a phase each filter tap
//! reads at a constant offset, so the strided convolution is a sum of shifted planes: output
//! position `q = y * stride + x` reads `q + offset`. Rows are stored one after the other; positions
//! behind a row's end are computed too and discarded.

/// Sizes of a convolution with square filters and equal stride and padding on both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Height and width of the input.
    pub(crate) size: [usize; 2],
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl Geometry {
    /// Height and width of the output.
    pub(crate) fn output_size(&self) -> [usize; 2] {
        self.size.map(|size| (size + 2 * self.padding + 1).saturating_sub(self.kernel).div_ceil(self.stride))
    }

    pub(crate) fn input_pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }

    pub(crate) fn output_pixels(&self) -> usize {
        let [height, width] = self.output_size();
        height * width
    }

    /// The convolution with reversed filters that leads from outputs to inputs, where stride 1
    /// makes it one.
    pub(crate) fn mirrored(&self) -> Option<Self> {
        let padding = (self.kernel - 1).checked_sub(self.padding)?;
        let mirrored = Self {
            inputs: self.outputs,
            outputs: self.inputs,
            size: self.output_size(),
            kernel: self.kernel,
            stride: 1,
            padding,
        };
        (self.stride == 1).then_some(mirrored)
    }

    /// How far the last tap of a phase lies behind the first, in rows or columns of the phase.
    fn reach(&self) -> usize {
        (self.kernel - 1) / self.stride
    }

    /// Phases along one axis that some tap reads.
    fn phases(&self) -> usize {
        self.stride.min(self.kernel)
    }
}

/// Positions behind a plane's last that a vector loop may still read.
const SLACK: usize = 64;

/// One input plane of a correlation: `rows` x `stride` positions are computed, each reading up to
/// `reach` rows and columns further.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Rows of results.
    pub(crate) rows: usize,
    /// Distance of two rows.
    pub(crate) stride: usize,
    reach: usize,
    /// Columns that hold values or padding of their own row.
    columns: usize,
}

impl Layout {
    /// Results of `rows` x `columns`. `shared` columns of padding at a row's end are also the next
    /// row's start.
    fn new([rows, columns]: [usize; 2], reach: usize, shared: usize) -> Self {
        let stride = columns + reach - shared;
        Self { rows, stride, reach, columns: stride }
    }

    /// Positions that are computed, those behind the rows' ends included.
    pub(crate) fn positions(&self) -> usize {
        self.rows * self.stride
    }

    /// Length of one plane.
    pub(crate) fn len(&self) -> usize {
        self.positions() + self.reach * (self.stride + 1) + SLACK
    }

    /// Lays out a plane: position `(t, u)` takes
    /// `source[t * step + origin.0][u * step + origin.1]`, zero outside.
    fn gather(&self, source: &[f32], size: [usize; 2], step: usize, origin: [isize; 2], target: &mut [f32]) {
        target.fill(0.0);
        let rows = self.rows + self.reach;
        let inside_rows = inside(rows, size[0], step, origin[0]);
        let inside_columns = inside(self.columns, size[1], step, origin[1]);
        if inside_columns.is_empty() {
            return;
        }
        let first = (inside_columns.start * step).wrapping_add_signed(origin[1]);
        for t in inside_rows {
            let y = (t * step).wrapping_add_signed(origin[0]);
            let source = &source[y * size[1] + first..(y + 1) * size[1]];
            let target = &mut target[t * self.stride..][inside_columns.clone()];
            if step == 1 {
                target.copy_from_slice(&source[..target.len()]);
            } else {
                target.iter_mut().zip(source.iter().step_by(step)).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// The `t` below `count` for which `t * step + origin` is an index below `size`.
fn inside(count: usize, size: usize, step: usize, origin: isize) -> std::ops::Range<usize> {
    let first = (-origin).max(0) as usize;
    let start = first.div_ceil(step);
    let end = (size as isize - origin).max(0) as usize;
    let end = end.div_ceil(step).min(count);
    start.min(end)..end
}

/// What a correlation reads and where its results go.
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    /// Planes that one channel takes.
    pub(crate) phases: usize,
    /// Offsets of the taps of one channel, each with the tap's row-major index in the filter.
    pub(crate) taps: Vec<(usize, usize)>,
}

/// The forward pass: output `(y, x)` of the convolution is position `(y, x)` of the layout.
pub(crate) fn forward_plan(geometry: &Geometry) -> Plan {
    let Geometry { kernel, stride, padding, .. } = *geometry;
    // Where the padding behind a row is followed by the padding before the next, one serves for
    // both.
    let shared = if stride == 1 { padding.min(kernel - 1) } else { 0 };
    let layout = Layout::new(geometry.output_size(), geometry.reach(), shared);
    let phases = geometry.phases();
    let taps = (0..kernel * kernel)
        .map(|tap| {
            let (ky, kx) = (tap / kernel, tap % kernel);
            let phase = (ky % stride) * phases + kx % stride;
            (phase * layout.len() + ky / stride * layout.stride + kx / stride, tap)
        })
        .collect();
    Plan { layout, phases: phases * phases, taps }
}

/// Lays out one input plane `[h, w]` for [`forward_plan`] (`target`: one plane per phase).
pub(crate) fn gather_input(geometry: &Geometry, plan: &Plan, source: &[f32], target: &mut [f32]) {
    let phases = geometry.phases();
    let padding = geometry.padding as isize;
    for (phase, target) in target.chunks_exact_mut(plan.layout.len()).enumerate() {
        let origin = [(phase / phases) as isize - padding, (phase % phases) as isize - padding];
        plan.layout.gather(source, geometry.size, geometry.stride, origin, target);
    }
}

/// The rows of results in the layout of [`forward_plan`], each with its row of the output plane
/// `[h', w']`.
pub(crate) fn output_rows<'a, T>(
    geometry: &Geometry,
    plan: &Plan,
    results: &'a [f32],
    target: &'a mut [T],
) -> impl Iterator<Item = (&'a [f32], &'a mut [T])> {
    let ([height, width], stride) = (geometry.output_size(), plan.layout.stride);
    let rows = (0..height).map(move |row| &results[row * stride..][..width]);
    rows.zip(target.chunks_exact_mut(width))
}

/// Lays out one output plane so that it meets the input of [`forward_plan`] position by position,
/// zero behind the rows' ends.
pub(crate) fn gather_output(geometry: &Geometry, plan: &Plan, source: &[f32], target: &mut [f32]) {
    plan.layout.gather(source, geometry.output_size(), 1, [0, 0], target);
}

/// The transposed pass, from outputs to inputs: one correlation for each phase of the input's
/// pixels.
pub(crate) struct Transposed {
    pub(crate) plan: Plan,
    /// Where position `(0, 0)` lies in the input, as row and column.
    origin: [isize; 2],
}

/// Plans of the transposed pass. All share one layout; only taps and origins differ.
pub(crate) fn transposed_plans(geometry: &Geometry) -> Vec<Transposed> {
    let Geometry { size, kernel, stride, padding, .. } = *geometry;
    let reach = geometry.reach();
    // Pixel y is reached from output row v - a by tap a * stride + phase, where y + padding = v *
    // stride + phase.
    let first = padding / stride;
    let last = |size: usize| (size + padding).saturating_sub(1) / stride;
    let results = size.map(|size| last(size) + 1 - first.min(last(size)));
    let [_, output_width] = geometry.output_size();
    let lead = reach.saturating_sub(first);
    let trail = (results[1] + reach).saturating_sub(lead + output_width);
    let layout = Layout::new(results, reach, lead.min(trail).min(reach));
    (0..stride * stride)
        .map(|phase| {
            let (py, px) = (phase / stride, phase % stride);
            let taps = (0..kernel * kernel)
                .filter(|tap| (tap / kernel) % stride == py && (tap % kernel) % stride == px)
                .map(|tap| {
                    let (a, b) = (tap / kernel / stride, tap % kernel / stride);
                    ((reach - a) * layout.stride + reach - b, tap)
                })
                .collect();
            let origin = |phase: usize| (first * stride + phase) as isize - padding as isize;
            Transposed { plan: Plan { layout, phases: 1, taps }, origin: [origin(py), origin(px)] }
        })
        .collect()
}

/// Lays out one output plane for [`transposed_plans`].
pub(crate) fn gather_gradient(geometry: &Geometry, plan: &Plan, source: &[f32], target: &mut [f32]) {
    let origin = (geometry.padding / geometry.stride) as isize - geometry.reach() as isize;
    plan.layout.gather(source, geometry.output_size(), 1, [origin, origin], target);
}

/// Takes results out of the layout into the input plane `[h, w]` they belong to.
pub(crate) fn scatter_input(geometry: &Geometry, pass: &Transposed, results: &[f32], target: &mut [f32]) {
    let (layout, step, [_, width]) = (pass.plan.layout, geometry.stride, geometry.size);
    let columns = inside(layout.stride, width, step, pass.origin[1]);
    if columns.is_empty() {
        return;
    }
    let first = (columns.start * step).wrapping_add_signed(pass.origin[1]);
    for t in inside(layout.rows, geometry.size[0], step, pass.origin[0]) {
        let y = (t * step).wrapping_add_signed(pass.origin[0]);
        let results = &results[t * layout.stride..][columns.clone()];
        let target = &mut target[y * width + first..(y + 1) * width];
        if step == 1 {
            target[..results.len()].copy_from_slice(results);
        } else {
            target.iter_mut().step_by(step).zip(results).for_each(|(to, from)| *to = *from);
        }
    }
}
