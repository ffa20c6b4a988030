//! Bytes that are held for clients: bodies that arrive, and answers that are not taken yet.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The number of bytes that are held. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<AtomicU64>);

impl Held {
    /// No bytes yet.
    pub(crate) fn share(&self) -> Share {
        Share { bytes: 0, held: self.clone() }
    }

    /// An answer, held until it is taken.
    pub(crate) fn answer(&self, bytes: Vec<u8>) -> Answer {
        let mut share = self.share();
        share.grow(bytes.len() as u64);
        Answer { rest: bytes.into(), share }
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Some of the bytes that are held, given back at the end.
#[derive(Debug)]
pub(crate) struct Share {
    bytes: u64,
    held: Held,
}

impl Share {
    /// The bytes of this share.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes, and gives the number of all that are held now.
    pub(crate) fn grow(&mut self, bytes: u64) -> u64 {
        self.bytes += bytes;
        self.held.0.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Most bytes that are handed to the connection at a time. It takes the next ones when these are on
/// their way.
pub(crate) const PIECE: usize = 64 << 10;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    rest: Bytes,
    share: Share,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // The share is given back with the last piece.
        debug_assert!(self.share.bytes() >= self.rest.len() as u64);
        let length = self.rest.len().min(PIECE);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_whole_and_held_until_its_end() {
        let held = Held::default();
        let bytes: Vec<u8> = (0..3 * PIECE + 7).map(|i| i as u8).collect();
        let mut answer = held.answer(bytes.clone());
        assert_eq!(answer.size_hint().exact(), Some(bytes.len() as u64));
        let first = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((first.len(), held.bytes()), (PIECE, bytes.len() as u64));
        let rest = answer.collect().await.unwrap().to_bytes();
        assert_eq!([first, rest].concat(), bytes);
        assert_eq!(held.bytes(), 0);
        assert!(held.answer(Vec::new()).is_end_stream());
    }
}
