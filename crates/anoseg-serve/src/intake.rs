//! Bodies of requests: each of a bounded size, all of them together within a budget, none slower than
//! allowed.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;

use crate::failure::Failure;
use crate::held::{Held, Share};

/// Reads bodies.
pub(crate) struct Intake {
    held: Held,
    most: u64,
    most_held: u64,
    time: Duration,
}

/// A whole body.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    /// Held until the request is answered.
    pub(crate) share: Share,
}

impl Intake {
    /// Bodies of at most `most` bytes, while `held` are at most `most_held`, each within a time.
    pub(crate) fn new(held: Held, most: u64, most_held: u64, time: Duration) -> Self {
        // A body above the budget of all of them would never fit.
        Self { held, most: most.min(most_held), most_held, time }
    }

    /// The whole body of a request.
    ///
    /// # Errors
    /// It is too large, too slow, compressed, cut short, or the bodies under way leave no memory for it.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Received, Failure> {
        self.read_at_most(self.most, headers, body).await
    }

    /// The same, of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Intake::read`].
    pub(crate) async fn read_at_most(
        &self,
        most: u64,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Received, Failure> {
        let most = most.min(self.most);
        if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            let message = "bodies with a content encoding are not read; send it as it is";
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding", message));
        }
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > most) {
            return Err(too_large(most));
        }
        let late = |_| {
            let message = format!("the body did not arrive within {} s", self.time.as_secs_f64());
            Failure::new(StatusCode::REQUEST_TIMEOUT, "slow_body", message)
        };
        tokio::time::timeout(self.time, self.collect(most, body)).await.map_err(late)?
    }

    async fn collect(&self, most: u64, mut body: Body) -> Result<Received, Failure> {
        let mut share = self.held.share();
        let (mut first, mut all) = (Bytes::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                Failure::new(StatusCode::BAD_REQUEST, "cut_short", "the body was cut short, or is malformed")
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if share.bytes() + data.len() as u64 > most {
                return Err(too_large(most));
            }
            self.grow(&mut share, data.len() as u64)?;
            // One piece is not copied.
            if first.is_empty() && all.is_empty() {
                first = data;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&data);
            }
        }
        let bytes = if all.is_empty() { first } else { all.into() };
        Ok(Received { bytes, share })
    }

    /// Holds further bytes for a request.
    ///
    /// # Errors
    /// All of them together would be too many.
    pub(crate) fn grow(&self, share: &mut Share, bytes: u64) -> Result<(), Failure> {
        if share.grow(bytes) > self.most_held {
            let message = "other requests and answers take all memory for them; try again later";
            return Err(Failure::busy("memory_full", message, 1));
        }
        Ok(())
    }
}

fn too_large(most: u64) -> Failure {
    Failure::too_large(format!("the body has more than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(sizes: &[usize]) -> Body {
        let pieces: Vec<_> = sizes.iter().map(|&size| Ok::<_, std::io::Error>(vec![7_u8; size])).collect();
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    async fn code(intake: &Intake, body: Body) -> Result<usize, &'static str> {
        let received = intake.read(&HeaderMap::new(), body).await;
        received.map(|received| received.bytes.len()).map_err(|failure| failure.code)
    }

    #[tokio::test]
    async fn bodies_have_limits_and_give_their_share_back() {
        let intake = Intake::new(Held::default(), 100, 150, Duration::from_millis(50));
        assert_eq!(code(&intake, pieces(&[60, 40])).await, Ok(100));
        assert_eq!(code(&intake, pieces(&[60, 41])).await, Err("too_large"));
        let held = intake.read(&HeaderMap::new(), pieces(&[100])).await.ok();
        assert_eq!(code(&intake, pieces(&[51])).await, Err("memory_full"));
        drop(held);
        assert_eq!(code(&intake, pieces(&[51, 0, 3])).await, Ok(54));
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(code(&intake, never).await, Err("slow_body"));
        assert_eq!(intake.held.bytes(), 0);
    }

    #[tokio::test]
    async fn what_headers_tell_is_refused_before_the_body_is_read() {
        let intake = Intake::new(Held::default(), 100, 150, Duration::from_secs(9));
        let never = || Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        for (name, value, code) in [
            (header::CONTENT_LENGTH, "101", "too_large"),
            (header::CONTENT_ENCODING, "gzip", "content_encoding"),
        ] {
            let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            let failure = intake.read(&headers, never()).await.err().unwrap();
            assert_eq!(failure.code, code);
        }
    }
}
