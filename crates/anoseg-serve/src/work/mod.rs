//! Inspections: a bounded queue, and the threads that compute.

mod pool;
mod queue;
mod turn;

pub(crate) use pool::{Pool, panicked};
pub(crate) use turn::Turn;
