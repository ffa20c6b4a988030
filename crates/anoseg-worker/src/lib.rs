//! Images inspected and models trained by many machines, over a queue of NATS JetStream.
//!
//! [`Queue::submit`] lists images and puts a message for each chunk of them into the queue; the model goes along, by
//! its digest. Each [`work()`] takes a chunk at a time and writes its verdicts as a Parquet file. Name and content
//! depend on model and images alone: it does no harm that a message may be delivered twice. [`Queue::collect`] makes
//! of all parts what one run over all images would have written.
//!
//! Functions here block; they have threads of their own for the network.

mod address;
mod collect;
mod connection;
mod error;
mod keys;
mod listing;
mod message;
mod names;
mod part;
mod path_text;
mod queue;
mod status;
mod storage;
mod submit;
mod work;

pub use address::Nats;
pub use collect::Collected;
pub use error::WorkerError;
pub use part::COLUMNS;
pub use queue::Queue;
pub use status::{Counts, GivenUp, InWork, Status};
pub use submit::{Submission, Submitted};
pub use work::{Worked, WorkerSettings, work};
