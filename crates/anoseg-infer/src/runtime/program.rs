//! A recorded program.

use std::cell::Cell;
use std::sync::Arc;

use anoseg_kernels::{Pool, PreparedConvolution};

use super::byte_scale::ByteScale;
use crate::Window;
use crate::network::MemoryBank;

/// The operators that a program consists of.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Inputs: the layer's inputs, then a bias for this image if `dynamic_bias`, then the residual
    /// if there is one.
    Convolution {
        layer: Arc<PreparedConvolution>,
        dynamic_bias: bool,
        residual: Option<ResidualPlace>,
    },
    /// Element by element, one after the other.
    Scalars(Vec<Scalar>),
    Standardise {
        mean: Vec<f32>,
        deviation: Vec<f32>,
    },
    Add,
    Multiply,
    AddRelu,
    AveragePool(Pool),
    MaxPool(Pool),
    Double,
    SpaceToDepth(usize),
    DepthToSpace(usize),
    Join,
    Moments,
    /// One position to all positions.
    Expand,
    Nearest(MemoryBank),
    /// Of the window that each image is; one position has as many pixels a side as this says.
    Coordinates(usize),
    Sigmoid,
    LeakyRelu(f32),
    Round(ByteScale),
    MeanSquaredDifference,
}

/// Where a residual is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResidualPlace {
    BeforeActivation,
    BehindActivation,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar {
    Add(f32),
    Multiply(f32),
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Input,
    /// A buffer of the workspace.
    Buffer(usize),
    Constant(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    pub(super) place: Place,
    pub(super) shape: [usize; 4],
}

impl Operand {
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Height and width.
    pub(super) fn size(&self) -> [usize; 2] {
        [self.shape[2], self.shape[3]]
    }
}

/// One operator with its operands.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) operation: Operation,
    pub(super) inputs: Vec<Operand>,
    pub(super) output: Operand,
}

/// A network's forward pass for one input shape, ready to run. It is immutable and may run on
/// several threads at a time.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) input: [usize; 4],
    pub(super) steps: Vec<Step>,
    pub(super) constants: Vec<Vec<f32>>,
    /// Lengths of the workspace's buffers.
    pub(super) buffers: Vec<usize>,
    pub(super) outputs: Vec<Operand>,
}

/// What a run knows of its images beside their pixels; each list may be empty.
#[derive(Clone, Copy, Default)]
pub(super) struct Context<'a> {
    /// The number of the training image that each image is, if it is one: its own vectors in memory banks
    /// do not count.
    pub(super) sources: &'a [Option<usize>],
    /// The window that each image is.
    pub(super) windows: &'a [Window],
}

/// Numbers that a thread's workspace keeps for the next run: 256 MiB.
const MOST_KEPT: usize = 64 << 20;

thread_local! {
    static WORKSPACE: Cell<Vec<Vec<f32>>> = const { Cell::new(Vec::new()) };
}

/// Frees the workspace that this thread keeps.
pub(crate) fn free_workspace() {
    drop(WORKSPACE.take());
}

impl Program {
    /// Shape of the input, `[n, channels, h, w]`.
    pub fn input_shape(&self) -> [usize; 4] {
        self.input
    }

    /// Bytes of the workspace that a run needs.
    pub fn workspace_bytes(&self) -> usize {
        self.buffers.iter().sum::<usize>() * size_of::<f32>()
    }

    /// The outputs, in the order in which they were given to
    /// [`Recorder::finish`](super::Recorder::finish), for an input of [`Program::input_shape`].
    /// `sources` has the number of the training image that each image of the batch is made from, if any:
    /// its own vectors in memory banks do not count. It may be empty.
    ///
    /// # Panics
    /// If the input has another number of values.
    pub fn run(&self, input: &[f32], sources: &[Option<usize>]) -> Vec<Vec<f32>> {
        self.run_on(input, Context { sources, windows: &[] })
    }

    /// The same for images that are windows of larger ones, one window for each image of the batch.
    ///
    /// # Panics
    /// If the input has another number of values.
    pub fn run_windows(&self, input: &[f32], sources: &[Option<usize>], windows: &[Window]) -> Vec<Vec<f32>> {
        self.run_on(input, Context { sources, windows })
    }

    fn run_on(&self, input: &[f32], context: Context<'_>) -> Vec<Vec<f32>> {
        assert_eq!(input.len(), self.input.iter().product::<usize>(), "an input of {:?}", self.input);
        // Taken out while in use: while it waits, this thread may run another job that needs a
        // workspace.
        let mut buffers = WORKSPACE.take();
        buffers.resize_with(buffers.len().max(self.buffers.len()), Vec::new);
        for (buffer, &len) in buffers.iter_mut().zip(&self.buffers) {
            if buffer.len() < len {
                buffer.resize(len, 0.0);
            }
        }
        for step in &self.steps {
            self.execute(step, input, context, &mut buffers);
        }
        let outputs =
            self.outputs.iter().map(|output| self.values(*output, input, &buffers).to_vec()).collect();
        if buffers.iter().map(Vec::capacity).sum::<usize>() <= MOST_KEPT {
            WORKSPACE.set(buffers);
        }
        outputs
    }

    /// The values of an operand.
    pub(super) fn values<'a>(
        &'a self,
        operand: Operand,
        input: &'a [f32],
        buffers: &'a [Vec<f32>],
    ) -> &'a [f32] {
        match operand.place {
            Place::Input => input,
            Place::Buffer(number) => &buffers[number][..operand.len()],
            Place::Constant(number) => &self.constants[number],
        }
    }
}
