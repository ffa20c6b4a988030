//! Whether the features of an encoder tell anything of an image.

use anoseg_infer::network::Blueprint;
use anoseg_infer::network::pretrained::Encoder;
use anoseg_infer::parameters::ParameterStore;
use anoseg_infer::runtime::Recorder;

use super::PretrainedEncoder;

/// Side of the image that is examined, in pixels.
const SIDE: usize = 64;

/// Strides of the features.
const STRIDES: [usize; 4] = [2, 4, 8, 16];

impl PretrainedEncoder {
    /// Computes the features of one image, which has every brightness and sharp edges.
    ///
    /// # Errors
    /// What is wrong with the weights: the features of a stride are not finite, or the same at every position.
    pub(super) fn examine(&self) -> Result<(), String> {
        let mut blueprint = Blueprint::default();
        let encoder = Encoder::new(&mut blueprint, &self.architecture);
        let parameters = ParameterStore::import(&self.parameters, blueprint.parameters());
        let parameters = parameters.map_err(|error| error.to_string())?;
        let (mut x, image) = Recorder::new([1, 3, SIDE, SIDE]);
        x.use_parameters(&parameters);
        let features = encoder.features(&mut x, &image);
        let pixel = |i: usize| ((i % SIDE) * 7 + (i / SIDE % SIDE) * 13 + i / (SIDE * SIDE) * 29) % 256;
        let image: Vec<f32> = (0..3 * SIDE * SIDE).map(|i| pixel(i) as f32 / 255.0).collect();
        for (stride, values) in STRIDES.into_iter().zip(x.finish(&features).run(&image, &[])) {
            if values.iter().any(|value| !value.is_finite()) {
                return Err(format!(
                    "its features of an image at stride {stride} are not finite numbers: the weights are damaged"
                ));
            }
            let positions = (SIDE / stride).pow(2);
            let varies = |plane: &[f32]| plane.iter().any(|value| value != &plane[0]);
            if !values.chunks_exact(positions).any(varies) {
                return Err(format!(
                    "its features at stride {stride} are the same at every position of an image: the weights are \
                     damaged or empty"
                ));
            }
        }
        Ok(())
    }
}
