//! The service of the Open Inference Protocol.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::calls::Call;
use super::generated::inference::grpc_inference_service_server::GrpcInferenceService;
use super::generated::inference::model_metadata_response::TensorMetadata;
use super::generated::inference::repository_index_response::ModelIndex;
use super::generated::inference::*;
use crate::app::App;
use crate::failure::Failure;
use crate::inspect::Inspector;
use crate::protocol::metadata::{self, NAME, VERSION};
use crate::protocol::output::Output;
use crate::protocol::repository::{change, version_in};
use crate::protocol::tensors::InputKind;
use crate::repository::{Counted, Named, Total};

/// The service.
pub(super) struct Inference(pub(super) Arc<App>);

/// What a method answers.
type Answer<T> = Result<Response<T>, Status>;

/// A model by its name, and one of its versions unless that is empty.
fn named(model: String, version: String) -> Named {
    Named { model, version: (!version.is_empty()).then_some(version) }
}

/// The call that a request belongs to.
fn call<T>(request: &mut Request<T>) -> Result<Call, Failure> {
    let call = request.extensions_mut().remove::<Call>();
    call.ok_or_else(|| Failure::internal("a call came by another way than expected"))
}

#[tonic::async_trait]
impl GrpcInferenceService for Inference {
    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Answer<ServerLiveResponse> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Answer<ServerReadyResponse> {
        Ok(Response::new(ServerReadyResponse { ready: self.0.is_ready() }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Answer<ModelReadyResponse> {
        let ModelReadyRequest { name, version } = request.into_inner();
        let ready = self.0.served(&named(name, version)).is_ok() && !self.0.is_stopping();
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn server_metadata(&self, _: Request<ServerMetadataRequest>) -> Answer<ServerMetadataResponse> {
        let extensions =
            ["model_repository", "statistics", "model_configuration"].map(str::to_owned).to_vec();
        let (name, version) = (NAME.to_owned(), VERSION.to_owned());
        Ok(Response::new(ServerMetadataResponse { name, version, extensions }))
    }

    async fn model_metadata(&self, request: Request<ModelMetadataRequest>) -> Answer<ModelMetadataResponse> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        let served = self.0.served(&named(name, version))?;
        let tensor = |name: &str, datatype: &str, shape: &[i64]| TensorMetadata {
            name: name.to_owned(),
            datatype: datatype.to_owned(),
            shape: shape.to_vec(),
        };
        Ok(Response::new(ModelMetadataResponse {
            name: served.name.clone(),
            versions: self.0.repository.versions(&served.name).iter().map(u64::to_string).collect(),
            platform: NAME.to_owned(),
            inputs: InputKind::ALL.map(|kind| tensor(kind.name(), kind.datatype(), kind.shape())).to_vec(),
            outputs: Output::ALL.map(|kind| tensor(kind.name(), kind.datatype(), kind.shape())).to_vec(),
        }))
    }

    async fn model_infer(&self, mut request: Request<ModelInferRequest>) -> Answer<ModelInferResponse> {
        let Call { deadline, asked, share } = call(&mut request)?;
        let mut request = request.into_inner();
        let model = std::mem::take(&mut request.model_name);
        let version = std::mem::take(&mut request.model_version);
        let served = self.0.served(&named(model, version))?;
        let answer = self.0.compute(served, deadline, move |app, served, turn| {
            let answer =
                super::infer::infer(&Inspector { app, served, asked: &asked, turn, chosen: None }, request);
            drop(share);
            answer
        });
        Ok(Response::new(answer.await?))
    }

    async fn model_config(&self, request: Request<ModelConfigRequest>) -> Answer<ModelConfigResponse> {
        let ModelConfigRequest { name, version } = request.into_inner();
        let served = self.0.served(&named(name, version))?;
        let input = InputKind::ALL.map(|kind| ModelInput {
            name: kind.name().to_owned(),
            data_type: data_type(kind.datatype()).into(),
            dims: kind.shape().to_vec(),
            optional: true,
        });
        let output = Output::ALL.map(|kind| ModelOutput {
            name: kind.name().to_owned(),
            data_type: data_type(kind.datatype()).into(),
            dims: kind.shape().to_vec(),
        });
        let config = ModelConfig {
            name: served.name.clone(),
            platform: NAME.to_owned(),
            max_batch_size: 0,
            input: input.to_vec(),
            output: output.to_vec(),
            backend: NAME.to_owned(),
        };
        Ok(Response::new(ModelConfigResponse { config: Some(config) }))
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Answer<ModelStatisticsResponse> {
        let ModelStatisticsRequest { name, version } = request.into_inner();
        let served = if name.is_empty() {
            self.0.repository.served()
        } else {
            metadata::served_as(&self.0, &named(name, version))?
        };
        let counted = served.iter().map(|served| served.statistics.read(&served.name, served.version));
        Ok(Response::new(ModelStatisticsResponse { model_stats: counted.map(statistics).collect() }))
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Answer<RepositoryIndexResponse> {
        let listed = self.0.repository.index(request.into_inner().ready).into_iter();
        let models = listed.map(|listed| ModelIndex {
            name: listed.name,
            version: listed.version,
            state: listed.state.to_owned(),
            reason: listed.reason,
        });
        Ok(Response::new(RepositoryIndexResponse { models: models.collect() }))
    }

    async fn repository_model_load(
        &self,
        mut request: Request<RepositoryModelLoadRequest>,
    ) -> Answer<RepositoryModelLoadResponse> {
        let asked = call(&mut request)?.asked;
        let RepositoryModelLoadRequest { repository_name, model_name, parameters } = request.into_inner();
        let version = parameters.get("version").map(text_of).transpose()?;
        let version = version_in(parameters.keys(), version)?;
        let model_name = if model_name.is_empty() { repository_name } else { model_name };
        let model = model_name.clone();
        change(self.0.clone(), asked, move |repository, tell| repository.load(&model, version, tell)).await?;
        Ok(Response::new(RepositoryModelLoadResponse { model_name, is_loaded: true }))
    }

    async fn repository_model_unload(
        &self,
        mut request: Request<RepositoryModelUnloadRequest>,
    ) -> Answer<RepositoryModelUnloadResponse> {
        let asked = call(&mut request)?.asked;
        let RepositoryModelUnloadRequest { repository_name, model_name, parameters } = request.into_inner();
        let version = parameters.get("version").map(text_of).transpose()?;
        let version = version_in(parameters.keys(), version)?;
        let model_name = if model_name.is_empty() { repository_name } else { model_name };
        let model = model_name.clone();
        change(self.0.clone(), asked, move |repository, tell| repository.unload(&model, version, tell))
            .await?;
        Ok(Response::new(RepositoryModelUnloadResponse { model_name, is_unloaded: true }))
    }
}

/// A version as text, whether it is a string or a number.
fn text_of(value: &ModelRepositoryParameter) -> Result<String, Failure> {
    use model_repository_parameter::ParameterChoice::{Int64Param, StringParam};
    match &value.parameter_choice {
        Some(StringParam(text)) => Ok(text.clone()),
        Some(Int64Param(number)) => Ok(number.to_string()),
        _ => Err(Failure::bad_request("a version is a whole number above 0")),
    }
}

/// Triton's number of a datatype of the protocol.
fn data_type(datatype: &str) -> DataType {
    match datatype {
        "UINT8" => DataType::TypeUint8,
        "FP32" => DataType::TypeFp32,
        _ => DataType::TypeString,
    }
}

fn statistics(counted: Counted) -> ModelStatistics {
    let total = |Total { count, ns }| Some(StatisticDuration { count, ns });
    let totals = counted.inference_stats;
    ModelStatistics {
        name: counted.name,
        version: counted.version,
        last_inference: counted.last_inference,
        inference_count: counted.inference_count,
        execution_count: counted.execution_count,
        inference_stats: Some(InferStatistics {
            success: total(totals.success),
            fail: total(totals.fail),
            queue: total(totals.queue),
            compute_input: total(totals.compute_input),
            compute_infer: total(totals.compute_infer),
            compute_output: total(totals.compute_output),
        }),
    }
}
