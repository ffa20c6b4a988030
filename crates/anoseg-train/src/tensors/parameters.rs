//! The tensors of a network under training.

use std::collections::BTreeMap;
use std::sync::Arc;

use anoseg_infer::network::{Blueprint, ParameterId, ParameterSpec};
use anoseg_infer::parameters::{ParameterData, ParameterError, lookup};
use burn::tensor::{Device, Gradients, Tensor};

use super::{WeightInit, tensor_of, values_of};

/// A network's parameters in the order of its blueprint, each flattened, as leaves of an autodiff
/// graph.
#[derive(Clone)]
pub(crate) struct Parameters {
    specs: Arc<[ParameterSpec]>,
    tensors: Vec<Tensor<1>>,
}

impl Parameters {
    /// Fresh values from the stream of `init`.
    pub(crate) fn draw(blueprint: Blueprint, init: &mut WeightInit) -> Self {
        let specs = blueprint.into_parameters();
        let tensors = specs
            .iter()
            .map(|spec| {
                let values = init.values(spec.init, spec.len());
                leaf(tensor_of(values, [spec.len()], init.device()), spec)
            })
            .collect();
        Self { specs: specs.into(), tensors }
    }

    /// What the parameters are.
    pub(crate) fn specs(&self) -> &[ParameterSpec] {
        &self.specs
    }

    /// Where the parameters are, autodiff included.
    pub(crate) fn device(&self) -> Device {
        self.tensors[0].device()
    }

    /// A parameter in its shape.
    pub(crate) fn get<const D: usize>(&self, id: ParameterId, shape: [usize; D]) -> Tensor<D> {
        self.tensors[id.0].clone().reshape(shape)
    }

    /// The same parameters outside of every autodiff graph: gradients do not flow to them.
    pub(crate) fn frozen(&self) -> Self {
        let frozen = |tensor: &Tensor<1>| tensor.clone().inner().autodiff();
        Self { specs: self.specs.clone(), tensors: self.tensors.iter().map(frozen).collect() }
    }

    /// A copy whose parameters are leaves of a graph of their own: Burn treats graphs that share a
    /// leaf as one graph, and they would wait for each other.
    pub(crate) fn own_leaves(&self) -> Self {
        self.clone().map(|_, flat| flat)
    }

    /// Replaces every parameter by `f(spec, values)`, outside autodiff.
    pub(crate) fn map(self, mut f: impl FnMut(&ParameterSpec, Tensor<1>) -> Tensor<1>) -> Self {
        let mapped = self.tensors.into_iter().zip(self.specs.iter());
        let tensors = mapped.map(|(tensor, spec)| leaf(f(spec, tensor.inner()).autodiff(), spec)).collect();
        Self { specs: self.specs, tensors }
    }

    /// Each parameter moved by a `share` of its distance to that of `other`, a network of the same
    /// shape.
    pub(crate) fn blend(self, other: &Self, share: f32) -> Self {
        let mut others = other.tensors.iter();
        self.map(|_, flat| match others.next() {
            Some(other) => flat.clone() + (other.clone().inner() - flat) * share,
            None => flat,
        })
    }

    /// Every parameter's gradient by dotted path. Parameters that had no part in the loss are
    /// absent.
    pub(crate) fn gradients(&self, gradients: &mut Gradients) -> BTreeMap<String, Tensor<1>> {
        let pairs = self.tensors.iter().zip(self.specs.iter());
        pairs.filter_map(|(tensor, spec)| Some((spec.name.clone(), tensor.grad_remove(gradients)?))).collect()
    }

    /// Every parameter by dotted path.
    pub(crate) fn export(&self) -> BTreeMap<String, ParameterData> {
        let data = |(tensor, spec): (&Tensor<1>, &ParameterSpec)| {
            let values = values_of(tensor.clone());
            (spec.name.clone(), ParameterData { shape: spec.shape.clone(), values })
        };
        self.tensors.iter().zip(self.specs.iter()).map(data).collect()
    }

    /// The same network with the parameters that [`Parameters::export`] gave; others are ignored.
    ///
    /// # Errors
    /// A parameter is missing or has another shape.
    pub(crate) fn import(&self, from: &BTreeMap<String, ParameterData>) -> Result<Self, ParameterError> {
        let device = self.device();
        let tensors = self.specs.iter().map(|spec| {
            let data = lookup(from, &spec.name, &spec.shape)?;
            Ok(leaf(tensor_of(data.values.clone(), [spec.len()], &device), spec))
        });
        Ok(Self { specs: self.specs.clone(), tensors: tensors.collect::<Result<_, _>>()? })
    }
}

fn leaf(tensor: Tensor<1>, spec: &ParameterSpec) -> Tensor<1> {
    if spec.trained { tensor.require_grad() } else { tensor }
}
