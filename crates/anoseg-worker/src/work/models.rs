//! The models that a worker has loaded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use anoseg::Model;

use super::failure::Failure;
use crate::connection::Connection;
use crate::keys::is_digest;

/// Most models that are kept. A queue seldom has chunks of more at a time.
const MOST: usize = 4;

/// Models by digest, the one that was used last at the end.
#[derive(Default)]
pub(super) struct Models(Mutex<VecDeque<(String, Arc<Model>)>>);

impl Models {
    /// The model of this digest: one that is kept, or from the bucket of models.
    pub(super) async fn get(&self, connection: &Connection, digest: &str) -> Result<Arc<Model>, Failure> {
        if let Some(model) = self.kept(digest) {
            return Ok(model);
        }
        if !is_digest(digest) {
            return Err(Failure::lasting("the task names a model that is no digest"));
        }
        let Some(bytes) = connection.object(&connection.models, digest).await? else {
            return Err(Failure::lasting(format!(
                "the queue has no model {digest}; submit the images again"
            )));
        };
        let expected = digest.to_owned();
        let load = move || -> Result<Model, Failure> {
            let model = Model::from_bytes(&bytes)?;
            if model.digest()? != expected {
                return Err(Failure::lasting(format!(
                    "the queue has another model under the name of {expected}"
                )));
            }
            Ok(model)
        };
        let model = tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| Failure::passing(error.to_string()))??;
        Ok(self.keep(digest, Arc::new(model)))
    }

    fn kept(&self, digest: &str) -> Option<Arc<Model>> {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = models.iter().position(|(known, _)| known == digest)?;
        let found = models.remove(at)?;
        let model = found.1.clone();
        models.push_back(found);
        Some(model)
    }

    fn keep(&self, digest: &str, model: Arc<Model>) -> Arc<Model> {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        models.push_back((digest.to_owned(), model.clone()));
        while models.len() > MOST {
            models.pop_front();
        }
        model
    }
}
