//! From layers with batch normalisation, as they were trained, to ours without.

use std::collections::BTreeMap;

use anoseg_infer::network::EncoderKind;
use anoseg_infer::network::pretrained::Encoder;
use anoseg_infer::parameters::ParameterData;

/// Names of a layer's filters and of the normalisation after it, as the source has them.
pub(super) struct SourceNames {
    pub(super) filters: String,
    pub(super) norm: String,
}

/// How the layers of a source differ from ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// Added to a variance before its root is taken.
    pub(super) epsilon: f32,
    /// Where the resolution is halved, whether there is one row and column of padding less before than
    /// after, as TensorFlow's "SAME" has it. Our filters then have zeros in front, otherwise behind.
    pub(super) same: bool,
}

impl Source {
    /// Networks that were trained with TensorFlow.
    pub(super) const TENSORFLOW: Self = Self { epsilon: 1e-3, same: true };

    /// Networks that were trained with PyTorch.
    pub(super) const PYTORCH: Self = Self { epsilon: 1e-5, same: false };
}

/// Converts the layers of a source to ours: normalisation is folded into the filters, and filters that
/// are a pixel smaller than ours get a row and a column of zeros. `read` gives the tensor of a name,
/// which must have this shape.
///
/// # Errors
/// What `read` says, or a name whose values are unusable.
pub(super) fn folded(
    kind: EncoderKind,
    source: Source,
    names: impl Fn(&str) -> SourceNames,
    read: impl Fn(&str, &[usize]) -> Result<ParameterData, String>,
) -> Result<BTreeMap<String, ParameterData>, String> {
    let mut parameters = BTreeMap::new();
    for (name, shape) in Encoder::layers(kind) {
        let [outputs, inputs, kernel, _] = shape;
        let SourceNames { filters, norm } = names(&name);
        let of_norm = |part: &str| Ok::<_, String>(read(&format!("{norm}.{part}"), &[outputs])?.values);
        // Filters of even side are ours.
        let published = kernel - usize::from(kernel % 2 == 0);
        let weight = read(&format!("{filters}.weight"), &[outputs, inputs, published, published])?;
        let (scale, shift) = (of_norm("weight")?, of_norm("bias")?);
        let (mean, variance) = (of_norm("running_mean")?, of_norm("running_var")?);
        if variance.iter().any(|&variance| !(0.0..f32::INFINITY).contains(&variance)) {
            return Err(format!("the variances {norm}.running_var are negative or not finite"));
        }
        let factors: Vec<f32> = scale
            .iter()
            .zip(&variance)
            .map(|(scale, variance)| scale / (variance + source.epsilon).sqrt())
            .collect();
        let bias: Vec<f32> = shift
            .iter()
            .zip(&mean)
            .zip(&factors)
            .map(|((shift, mean), factor)| shift - mean * factor)
            .collect();
        let mut padded = vec![0.0; shape.iter().product()];
        let before = if source.same { kernel - published } else { 0 };
        for (i, row) in weight.values.chunks_exact(published).enumerate() {
            let (filter, y) = (i / published, i % published);
            let start = (filter * kernel + before + y) * kernel + before;
            let factor = factors[filter / inputs];
            padded[start..start + published].iter_mut().zip(row).for_each(|(to, from)| *to = from * factor);
        }
        if padded.iter().chain(&bias).any(|value| !value.is_finite()) {
            return Err(format!(
                "{filters} and {norm} have numbers that are not finite, or become so together"
            ));
        }
        parameters.insert(format!("{name}.weight"), ParameterData { shape: shape.to_vec(), values: padded });
        parameters.insert(format!("{name}.bias"), ParameterData { shape: vec![outputs], values: bias });
    }
    Ok(parameters)
}
