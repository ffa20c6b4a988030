//! Frozen networks, run by the inference runtime beside the networks under training.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anoseg_infer::Window;
use anoseg_infer::network::{Backbone, Executor as _, Features, ImageGenerator};
use anoseg_infer::parameters::ParameterStore;
use anoseg_infer::runtime::{Program, Recorder};
use burn::tensor::Tensor;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::tensors::{cpu, drop_channels, tensor_of, values_of};

/// A frozen backbone's features of batches.
pub(super) struct FrozenFeatures {
    backbone: Arc<Backbone>,
    dropout: f32,
    seed: u64,
    /// Programs by the shape of their input: shards of one training differ in size at most once.
    programs: Mutex<BTreeMap<[usize; 4], Arc<Program>>>,
}

impl FrozenFeatures {
    /// For a backbone. A share `dropout` of each image's feature channels is dropped, drawn from
    /// `seed`.
    pub(super) fn new(backbone: Arc<Backbone>, dropout: f32, seed: u64) -> Self {
        Self { backbone, dropout, seed, programs: Mutex::default() }
    }

    pub(super) fn backbone(&self) -> Arc<Backbone> {
        self.backbone.clone()
    }

    /// Features of `images [n, 3, h, w]` made from the training images `sources`, of shard number
    /// `number`: constants of the graph. An image's own vectors in the memory bank do not count.
    pub(super) fn forward(&self, images: &Tensor<4>, sources: &[usize], number: u64) -> Features<Tensor<4>> {
        let shape @ [n, _, h, w] = images.dims();
        let sources: Vec<Option<usize>> = sources.iter().copied().map(Some).collect();
        let values = self.program(shape).run(&values_of(images.clone()), &sources);
        let mut strides = [2, 4, 8, 16, 8].into_iter();
        let mut tensors = values.into_iter().map(|values| {
            let stride = strides.next().unwrap_or(1);
            let (h, w) = (h / stride, w / stride);
            let channels = values.len() / (n * h * w);
            tensor_of(values, [n, channels, h, w], &cpu())
        });
        let mut next = || tensors.next().expect("the program gives five values");
        let mut features = Features {
            stride2: next(),
            stride4: next(),
            stride8: next(),
            stride16: next(),
            distance: next(),
        };
        if self.dropout > 0.0 {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(number);
            drop_channels(&mut features, self.dropout, &mut rng);
        }
        let Features { stride2, stride4, stride8, stride16, distance } = features;
        let [stride2, stride4, stride8, stride16, distance] =
            [stride2, stride4, stride8, stride16, distance].map(Tensor::autodiff);
        Features { stride2, stride4, stride8, stride16, distance }
    }

    fn program(&self, shape: [usize; 4]) -> Arc<Program> {
        let programs = || self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = programs().get(&shape) {
            return known.clone();
        }
        // Recorded outside the lock: a thread that waits for other threads may run another shard
        // meanwhile.
        let (mut x, images) = Recorder::new(shape);
        x.use_parameters(&self.backbone.encoder_parameters);
        let Features { stride2, stride4, stride8, stride16, distance } =
            self.backbone.forward(&mut x, &images);
        let program = Arc::new(x.finish(&[stride2, stride4, stride8, stride16, distance]));
        programs().entry(shape).or_insert(program).clone()
    }
}

/// The maps `[n, 1, h, w]` that a generator with these parameters gives at inference for images
/// `[n, 3, h, w]`, which are these windows of larger images if there are any.
pub(super) fn maps(
    generator: &ImageGenerator,
    parameters: &ParameterStore,
    images: &Tensor<4>,
    windows: &[Window],
) -> Tensor<4> {
    let shape @ [n, _, h, w] = images.dims();
    let (mut x, input) = if windows.is_empty() { Recorder::new(shape) } else { Recorder::windowed(shape) };
    x.use_parameters(parameters);
    let logits = generator.forward(&mut x, &input).map_logits;
    let maps = x.sigmoid(&logits);
    let mut values = x.finish(&[maps]).run_windows(&values_of(images.clone()), &[], windows);
    tensor_of(values.swap_remove(0), [n, 1, h, w], &cpu()).autodiff()
}
