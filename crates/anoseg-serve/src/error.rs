//! Why a server does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use anoseg::ErrorKind;

/// Why a server does not start, or ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The address for gRPC cannot be listened on.
    #[error("cannot listen on {address} for gRPC: {source}")]
    GrpcAddress {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A file that connections are encrypted with is not what it should be.
    #[error("{}: {what}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the way out.
        what: String,
    },
    /// Other machines reach the address, and there are no tokens.
    #[error("{address} can be reached from other machines, and there are no tokens")]
    NoTokens {
        /// The address.
        address: SocketAddr,
    },
    /// A file or a folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line of the tokens is wrong. Its text is not told, because it may be a token.
    #[error("line {line} of the tokens: {what}")]
    Tokens {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The history cannot be opened.
    #[error(transparent)]
    History(#[from] anoseg_history::Error),
    /// The system gives no threads, or no more connections.
    #[error("the system gives no threads or connections: {0}")]
    System(#[source] io::Error),
}

impl ServeError {
    /// Who can fix it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::History(error) => error.kind(),
            Self::NoTokens { .. } | Self::Tokens { .. } | Self::Tls { .. } => ErrorKind::Arguments,
            Self::Address { .. } | Self::GrpcAddress { .. } | Self::Io { .. } | Self::System(_) => {
                ErrorKind::Environment
            }
        }
    }
}
