//! A chunk of images to a part.

use std::path::Path;
use std::sync::Arc;

use anoseg::batch::{JudgeFailure, Verdict, judge};
use tokio::sync::OwnedMutexGuard;

use super::failure::Failure;
use super::images::ChunkImages;
use super::turn::Turn;
use super::{Ended, Worker};
use crate::keys::{chunk_key, is_digest};
use crate::message::ChunkTask;
use crate::part::{self, Row};
use crate::storage::Results;

impl Worker {
    /// Inspects the images of a chunk and writes its part, unless it is there.
    pub(super) async fn inspect(
        self: &Arc<Self>,
        task: ChunkTask,
        turn: OwnedMutexGuard<Turn>,
    ) -> Result<Ended, Failure> {
        let ChunkTask { model, chunk, limits, .. } = &task;
        if !is_digest(model) || chunk.key != chunk_key(model, limits, &chunk.images) {
            return Err(Failure::lasting("the chunk's key does not fit its model and images"));
        }
        self.allowed.check(Path::new(&task.results))?;
        let results = Results::open(&task.results, &self.stores)?;
        let part = part::name(model, &chunk.key);
        if results.has(&part).await? {
            return Ok(Ended::Done { model: None });
        }
        let loaded = self.models.get(&self.connection, model).await?;
        let worker = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let digest = model.clone();
        let inspecting = move || -> Result<Option<Vec<u8>>, Failure> {
            let images = ChunkImages::new(&task, &worker.stores, &worker.allowed, runtime);
            let verdicts = match judge(&loaded, &images, images.limits(), &|| worker.stop.is_over()) {
                Ok(Some(verdicts)) => verdicts,
                Ok(None) => return Ok(None),
                Err(JudgeFailure::Source(failure)) => return Err(failure),
                Err(JudgeFailure::Model(error)) => return Err(error.into()),
            };
            drop(turn);
            let row = |(verdict, image_digest): (Verdict, Option<String>)| Row {
                verdict: Verdict { model_digest: digest.clone(), ..verdict },
                image_digest,
            };
            let rows: Vec<Row> = verdicts.into_iter().zip(images.into_digests()).map(row).collect();
            part::write(&rows).map(Some).map_err(|error| Failure::lasting(error.to_string()))
        };
        let written = tokio::task::spawn_blocking(inspecting).await;
        let written = written.map_err(|error| Failure::lasting(format!("internal error: {error}")))??;
        let Some(bytes) = written else { return Ok(Ended::Stopped) };
        results.write(&part, bytes).await?;
        Ok(Ended::Done { model: None })
    }
}
