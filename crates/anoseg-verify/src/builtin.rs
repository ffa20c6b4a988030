//! The built-in engine: rten, which needs nothing that is not part of the program.

use std::sync::Arc;

use anoseg_export::{INPUT, PRED_SCORE, WINDOW};
use rten::{Model, RunOptions, ThreadPool, ValueOrView, ValueView};

use crate::engine::{Graph, Inputs, Pixels, Tensor, Wanted};

/// A graph in rten.
pub(crate) struct BuiltIn {
    model: Model,
    options: RunOptions,
}

impl BuiltIn {
    pub(crate) fn load(bytes: &[u8]) -> Result<Self, String> {
        let model = Model::load(bytes.to_vec()).map_err(|error| error.to_string())?;
        let threads = Arc::new(ThreadPool::with_num_threads(rayon::current_num_threads()));
        Ok(Self { model, options: RunOptions::default().with_thread_pool(Some(threads)) })
    }
}

impl Graph for BuiltIn {
    fn run(&mut self, inputs: &Inputs<'_>, wanted: Wanted) -> Result<[Tensor; 2], String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let id = |name: &str| self.model.node_id(name).map_err(|error| text(&error));
        let shape = inputs.shape();
        let pixels: ValueOrView<'_> = match inputs.pixels {
            Pixels::Bytes(bytes) => ValueView::from_shape(shape, bytes).map_err(|error| text(&error))?.into(),
            Pixels::Floats(values) => {
                ValueView::from_shape(shape, values).map_err(|error| text(&error))?.into()
            }
        };
        let mut values = vec![(id(INPUT)?, pixels)];
        if let Some(place) = &inputs.window {
            let place = ValueView::from_shape([1, 4], place).map_err(|error| text(&error))?;
            values.push((id(WINDOW)?, place.into()));
        }
        let outputs = [id(wanted.name())?, id(PRED_SCORE)?];
        let found = self.model.run_n(values, outputs, Some(self.options.clone()));
        let [map, score] = found.map_err(|error| text(&error))?;
        let (shape, values) = map.into_shape_vec::<f32, 4>().map_err(|error| text(&error))?;
        let map = Tensor { shape: shape.to_vec(), values };
        let (shape, values) = score.into_shape_vec::<f32, 1>().map_err(|error| text(&error))?;
        Ok([map, Tensor { shape: shape.to_vec(), values }])
    }
}
