//! The health service of gRPC.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::{Stream, stream};
use tonic::{Request, Response, Status};

use super::generated::health::health_check_response::ServingStatus;
use super::generated::health::health_server::Health as HealthService;
use super::generated::health::{HealthCheckRequest, HealthCheckResponse};
use super::methods::INFERENCE;
use crate::app::App;
use crate::failure::Failure;

/// How often it is asked whether the status is another one.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// The service.
pub(super) struct Health(pub(super) Arc<App>);

impl Health {
    /// The status of a service; None where there is no such service.
    fn status(app: &App, service: &str) -> Option<ServingStatus> {
        let status = if app.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing };
        ["", INFERENCE].contains(&service).then_some(status)
    }
}

#[tonic::async_trait]
impl HealthService for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let status = Self::status(&self.0, &request.get_ref().service).ok_or_else(|| {
            Failure::new(StatusCode::NOT_FOUND, "not_found", "there is no such service on this server")
        })?;
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// Ends when the server is about to end, after that was told.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (app, service) = (self.0.clone(), request.into_inner().service);
        let changes = stream::unfold(None, move |told: Option<ServingStatus>| {
            let (app, service) = (app.clone(), service.clone());
            async move {
                loop {
                    let now = Self::status(&app, &service).unwrap_or(ServingStatus::ServiceUnknown);
                    if told != Some(now) {
                        return Some((Ok(HealthCheckResponse { status: now.into() }), Some(now)));
                    }
                    if app.is_stopping() {
                        return None;
                    }
                    tokio::time::sleep(ASK_EVERY).await;
                }
            }
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
