//! Parameters by name: in and out of a network, whatever its shape.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

/// A parameter's values and shape.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterData {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

/// Why parameters do not fit a network.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// A parameter of the network is not among those given.
    #[error("parameter {0} is missing")]
    Missing(String),
    /// A parameter has another shape than the network's.
    #[error("parameter {name} has shape {found:?}, the network needs {expected:?}")]
    Shape {
        /// Dotted path of the parameter.
        name: String,
        /// Shape given.
        found: Vec<usize>,
        /// Shape needed.
        expected: Vec<usize>,
    },
}

/// All parameters by dotted path, such as `encoder.stem.weight`.
pub fn export_parameters<M: Module>(module: &M) -> BTreeMap<String, ParameterData> {
    let mut found = BTreeMap::new();
    let mut visitor = Visitor {
        path: Vec::new(),
        visit: |name: &str, shape: Vec<usize>, flat: Tensor<1>, _| {
            found.insert(name.to_owned(), ParameterData { shape, values: values_of(flat) });
        },
        gradients: None,
    };
    module.visit(&mut visitor);
    found
}

/// Every parameter's gradient by dotted path, flattened. Parameters that had no part in the loss are absent.
pub(crate) fn flat_gradients<M: Module>(
    module: &M,
    gradients: &mut Gradients,
) -> BTreeMap<String, Tensor<1>> {
    let mut found = BTreeMap::new();
    let mut visitor = Visitor {
        path: Vec::new(),
        visit: |name: &str, _, _, gradient: Option<Tensor<1>>| {
            found.extend(gradient.map(|gradient| (name.to_owned(), gradient)));
        },
        gradients: Some(gradients),
    };
    module.visit(&mut visitor);
    found
}

/// How many numbers the network has learned.
pub fn parameter_count<M: Module>(module: &M) -> usize {
    module.num_params()
}

/// Adds `prefix.` to every name.
pub(crate) fn prefixed(
    prefix: &str,
    parameters: BTreeMap<String, ParameterData>,
) -> impl Iterator<Item = (String, ParameterData)> {
    parameters.into_iter().map(move |(name, data)| (format!("{prefix}.{name}"), data))
}

/// The parameters whose names begin with `prefix.`, without it.
pub(crate) fn with_prefix(
    prefix: &str,
    parameters: &BTreeMap<String, ParameterData>,
) -> BTreeMap<String, ParameterData> {
    let strip = |name: &str| name.strip_prefix(prefix)?.strip_prefix('.').map(str::to_owned);
    parameters.iter().filter_map(|(name, data)| Some((strip(name)?, data.clone()))).collect()
}

/// Replaces every parameter of `module` by the one of the same name. Parameters that the network does not have
/// are left alone.
///
/// # Errors
/// A parameter is missing or has another shape.
pub fn import_parameters<M: Module>(
    module: M,
    from: &BTreeMap<String, ParameterData>,
) -> Result<M, ParameterError> {
    let mut problem = None;
    let module = map_parameters(module, |name, shape, flat| match lookup(from, name, shape) {
        Ok(data) => {
            Tensor::from_data(TensorData::new(data.values.clone(), [data.values.len()]), &flat.device())
        }
        Err(error) => {
            problem.get_or_insert(error);
            flat
        }
    });
    problem.map_or(Ok(module), Err)
}

/// Replaces every parameter by `f(name, shape, flattened values)`, outside autodiff.
pub(crate) fn map_parameters<M: Module>(
    module: M,
    f: impl FnMut(&str, &[usize], Tensor<1>) -> Tensor<1>,
) -> M {
    module.map(&mut Mapper { path: Vec::new(), f })
}

/// `module`, each parameter moved by a `share` of its distance to that of `other`, a network of the same shape.
pub(crate) fn blend<M: Module>(module: M, other: &M, share: f32) -> M {
    let mut others = BTreeMap::new();
    other.visit(&mut Visitor {
        path: Vec::new(),
        visit: |name: &str, _, flat: Tensor<1>, _| _ = others.insert(name.to_owned(), flat),
        gradients: None,
    });
    map_parameters(module, |name, _, flat| match others.remove(name) {
        Some(other) => flat.clone() + (other - flat) * share,
        None => flat,
    })
}

/// The tensor's values on the host.
pub(crate) fn values_of<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.inner().into_data().try_into_vec::<f32>().expect("our tensors hold f32")
}

pub(crate) fn lookup<'a>(
    from: &'a BTreeMap<String, ParameterData>,
    name: &str,
    shape: &[usize],
) -> Result<&'a ParameterData, ParameterError> {
    let data = from.get(name).ok_or_else(|| ParameterError::Missing(name.to_owned()))?;
    if data.shape != shape || data.values.len() != shape.iter().product::<usize>() {
        let (found, expected) = (data.shape.clone(), shape.to_vec());
        return Err(ParameterError::Shape { name: name.to_owned(), found, expected });
    }
    Ok(data)
}

struct Visitor<'a, F> {
    path: Vec<String>,
    visit: F,
    gradients: Option<&'a mut Gradients>,
}

impl<F: FnMut(&str, Vec<usize>, Tensor<1>, Option<Tensor<1>>)> ModuleVisitor for Visitor<'_, F> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let gradient = self.gradients.as_mut().and_then(|all| tensor.grad_remove(all)).map(flatten);
        (self.visit)(&self.path.join("."), tensor.dims().to_vec(), flatten(tensor.inner()), gradient);
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        exit(&mut self.path, container);
    }
}

struct Mapper<F> {
    path: Vec<String>,
    f: F,
}

impl<F: FnMut(&str, &[usize], Tensor<1>) -> Tensor<1>> ModuleMapper for Mapper<F> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let (id, tensor, mapper) = param.consume();
        let (trained, tracked, shape) = (tensor.is_require_grad(), tensor.is_autodiff(), tensor.dims());
        let flat = (self.f)(&name, &shape, flatten(tensor.inner()));
        let mut tensor = flat.reshape(shape);
        if tracked {
            tensor = tensor.autodiff();
        }
        Param::from_mapped_value(id, if trained { tensor.require_grad() } else { tensor }, mapper)
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        exit(&mut self.path, container);
    }
}

/// What Burn calls the variants of an enum of networks. They are no part of a parameter's path: which of them it is, is
/// known from elsewhere.
const ENUM: &str = "Enum:";

fn enter(path: &mut Vec<String>, name: &str, container: &str) {
    if !container.starts_with(ENUM) {
        path.push(name.to_owned());
    }
}

fn exit(path: &mut Vec<String>, container: &str) {
    if !container.starts_with(ENUM) {
        path.pop();
    }
}

fn flatten<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let len = tensor.dims().iter().product::<usize>();
    tensor.reshape([len])
}
