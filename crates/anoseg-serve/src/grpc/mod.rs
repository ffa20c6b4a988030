//! The Open Inference Protocol over gRPC, and the health service of gRPC.
//!
//! ```text
//! connections -> calls: id, token, deadline, whole message -> wire: its size when it is read
//!             -> inference | health -> protocol (shared with HTTP) -> answer
//! ```
//!
//! A failed call has the status that [`status`] gives it, and the code of the same failure over HTTP in its metadata.

mod calls;
mod generated;
mod health;
mod infer;
mod inference;
mod methods;
mod status;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tonic::service::Routes;

use crate::app::App;
use generated::health::health_server::HealthServer;
use generated::inference::grpc_inference_service_server::GrpcInferenceServiceServer;

/// Most bytes of an answer: clients take no more in a message, such as that of Triton.
const MOST_ANSWER: usize = i32::MAX as usize;

/// All services.
pub(crate) fn router(app: &Arc<App>) -> Router {
    // The bodies were read before, with their limits.
    let inference = GrpcInferenceServiceServer::new(inference::Inference(app.clone()))
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(MOST_ANSWER);
    Routes::new(inference)
        .add_service(HealthServer::new(health::Health(app.clone())))
        .into_axum_router()
        .layer(from_fn_with_state(app.clone(), calls::answer))
}
