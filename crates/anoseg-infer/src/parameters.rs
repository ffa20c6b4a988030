//! Parameters by name: import and export for any network.

use std::collections::BTreeMap;

use crate::network::{ParameterId, ParameterSpec};

/// A parameter's values and shape.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterData {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

/// Why parameters do not fit a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// A parameter is not one of the network's.
    #[error("parameter {0} is not part of the network")]
    Surplus(String),
    /// A parameter has values that it must not have.
    #[error("parameter {0} has values out of range")]
    Range(String),
}

/// The values of all parameters of a network, in the order of its
/// [`Blueprint`](crate::network::Blueprint).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ParameterStore {
    names: Vec<String>,
    values: Vec<ParameterData>,
}

impl ParameterStore {
    /// The parameters that `specs` lists, copied from those given by name; others are left alone.
    ///
    /// # Errors
    /// A parameter is missing or has another shape, or a variance is negative.
    pub fn import(
        from: &BTreeMap<String, ParameterData>,
        specs: &[ParameterSpec],
    ) -> Result<Self, ParameterError> {
        let copy = |spec: &ParameterSpec| lookup(from, &spec.name, &spec.shape).cloned();
        Self::collect(specs, copy)
    }

    /// [`ParameterStore::import`], but moves the parameters out of the map.
    ///
    /// # Errors
    /// As [`ParameterStore::import`].
    pub fn take(
        from: &mut BTreeMap<String, ParameterData>,
        specs: &[ParameterSpec],
    ) -> Result<Self, ParameterError> {
        Self::collect(specs, |spec| {
            lookup(from, &spec.name, &spec.shape)?;
            from.remove(&spec.name).ok_or_else(|| ParameterError::Missing(spec.name.clone()))
        })
    }

    fn collect(
        specs: &[ParameterSpec],
        mut get: impl FnMut(&ParameterSpec) -> Result<ParameterData, ParameterError>,
    ) -> Result<Self, ParameterError> {
        let mut store = Self::default();
        for spec in specs {
            let data = get(spec)?;
            if spec.name.ends_with(".variance") && data.values.iter().any(|&value| value < 0.0) {
                return Err(ParameterError::Range(spec.name.clone()));
            }
            store.names.push(spec.name.clone());
            store.values.push(data);
        }
        Ok(store)
    }

    /// All parameters by name.
    pub fn export(&self) -> BTreeMap<String, ParameterData> {
        self.names.iter().cloned().zip(self.values.iter().cloned()).collect()
    }

    /// A parameter's name.
    pub fn name(&self, id: ParameterId) -> &str {
        &self.names[id.0]
    }

    /// A parameter's values.
    pub fn get(&self, id: ParameterId) -> &ParameterData {
        &self.values[id.0]
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.values.iter().map(|data| data.values.len()).sum()
    }
}

/// Adds `prefix.` to every name.
pub fn prefixed(
    prefix: &str,
    parameters: BTreeMap<String, ParameterData>,
) -> impl Iterator<Item = (String, ParameterData)> {
    parameters.into_iter().map(move |(name, data)| (format!("{prefix}.{name}"), data))
}

/// The parameters whose names begin with `prefix.`, without it.
pub fn with_prefix(
    prefix: &str,
    parameters: &BTreeMap<String, ParameterData>,
) -> BTreeMap<String, ParameterData> {
    let strip = |name: &str| name.strip_prefix(prefix)?.strip_prefix('.').map(str::to_owned);
    parameters.iter().filter_map(|(name, data)| Some((strip(name)?, data.clone()))).collect()
}

/// Moves the parameters whose names begin with `prefix.` out of the map, without it.
pub fn take_prefix(
    prefix: &str,
    parameters: &mut BTreeMap<String, ParameterData>,
) -> BTreeMap<String, ParameterData> {
    let strip = |name: &str| Some(name.strip_prefix(prefix)?.strip_prefix('.')?.to_owned());
    let taken = parameters.extract_if(.., |name, _| strip(name).is_some());
    taken.filter_map(|(name, data)| Some((strip(&name)?, data))).collect()
}

/// The parameter of this name and shape.
///
/// # Errors
/// It is missing or has another shape.
pub fn lookup<'a>(
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
