//! The forward pass of a model, generic over the executor.

use super::{Model, Network};
use crate::network::pretrained::DOUBTFUL;
use crate::network::{Blueprint, Detector, Head, ImageGenerator, TrainedExecutor, head};
use crate::{Description, Error, ModelFault, Result};

/// What a model's networks give for a batch of images.
#[derive(Clone, Debug)]
pub struct NetworkOutputs<V> {
    /// `[n, 1, h, w]`: the logits of the map, before any smoothing; positive = anomalous.
    pub logits: V,
    /// `[n, 1, 1, 1]`: how far each image is from a good one, at least 0, where there is a second GAN. The
    /// score is `d / (1 + d)` of it.
    pub score: Option<V>,
}

impl Model {
    /// Runs the networks on `images [n, 3, h, w]` with values in 0..=1, at the network's scale. Inference
    /// records its program by it, and an export writes its graph.
    ///
    /// # Errors
    /// The parameters are those of another network.
    pub fn forward<'p, X: TrainedExecutor<'p>>(
        &'p self,
        x: &mut X,
        images: &X::Value,
    ) -> Result<NetworkOutputs<X::Value>> {
        let outputs = forward(&self.description, &self.network, x, images);
        outputs.map_err(|fault| Error::model(&self.path, fault))
    }
}

/// As [`Model::forward`].
pub(super) fn forward<'p, X: TrainedExecutor<'p>>(
    description: &Description,
    network: &'p Network,
    x: &mut X,
    images: &X::Value,
) -> Result<NetworkOutputs<X::Value>, ModelFault> {
    let architecture = description.architecture.clone().in_use();
    let mut blueprint = Blueprint::default();
    match network {
        Network::Images { generator, detector } => {
            let written = ImageGenerator::new(&mut blueprint, &architecture);
            let written =
                written.ok_or_else(|| ModelFault::Damaged("parameters of another network".into()))?;
            x.use_parameters(generator);
            let logits = written.forward(x, images).map_logits;
            let score = detector.as_ref().map(|parameters| {
                // The second GAN was trained on maps without smoothing.
                let map = x.sigmoid(&logits);
                x.use_parameters(parameters);
                Detector::new(&mut Blueprint::default(), architecture.width).score(x, images, &map)
            });
            Ok(NetworkOutputs { logits, score })
        }
        Network::Pretrained { backbone, head: parameters } => {
            x.use_parameters(&backbone.encoder_parameters);
            let features = backbone.forward(x, images);
            let distance = backbone.distance(x, &features);
            let logits = match parameters {
                Some(parameters) => {
                    let head: Head = head(&mut blueprint, &architecture);
                    x.use_parameters(parameters);
                    let drawn = head.forward(x, &features);
                    let distance = x.multiply_scalar(&distance, description.postprocess.distance_weight);
                    x.add(&drawn, &distance)
                }
                None => {
                    let above = x.add_scalar(&distance, -DOUBTFUL);
                    x.multiply_scalar(&above, 0.5)
                }
            };
            Ok(NetworkOutputs { logits, score: None })
        }
    }
}
