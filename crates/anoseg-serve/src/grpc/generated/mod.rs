//! The messages and services of the definitions in the crate's folder `proto`. The test `generated_code` writes them.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::all, reason = "the code is generated")]

pub(crate) mod inference {
    include!("inference.rs");
}

pub(crate) mod health {
    include!("grpc.health.v1.rs");
}
