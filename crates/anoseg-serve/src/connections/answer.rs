//! The body of an answer over HTTP/2: in pieces, and held until it is taken.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;

use super::activity::Call;
use crate::held::{PIECE, Share};

/// A body whose bytes are handed to the connection one piece after the other.
pub(super) struct Pieces {
    body: Body,
    /// What is not handed over yet of the bytes that the body gave.
    rest: Bytes,
    share: Share,
    call: Call,
}

impl Pieces {
    pub(super) fn new(body: Body, share: Share, call: Call) -> Self {
        Self { body, rest: Bytes::new(), share, call }
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.call.waits(false);
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(data) => {
                    let held = self.share.bytes();
                    self.share.grow((data.len() as u64).saturating_sub(held));
                    self.rest = data;
                }
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.call.waits(true);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}
