//! What can go wrong with a history.

use std::io;
use std::path::{Path, PathBuf};

use anoseg_image::WriteError;
use anoseg_image::write::FolderInUse;
use anoseg_infer::ErrorKind;
use rusqlite::ErrorCode;

/// Why a history cannot be read, written or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder has no history.
    #[error("{} holds no history (history.sqlite); give the folder that the server writes its history into", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The database is of a newer version of this library.
    #[error("{} was written by a newer anoseg (version {found}, this program reads up to {known}): update anoseg", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The database is of an older version, and only its writer may bring it to the newest.
    #[error("{} is of an older anoseg (version {found} of {known}): start the server with it once", path.display())]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest.
        known: i64,
    },
    /// A database of another program.
    #[error("{} is a database of another program: choose another folder for the history", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The database is damaged. It is left as it is.
    #[error(
        "{} is damaged ({what}) and is left as it is. Move the folder away to begin a new history, or recover what \
         can be read with `sqlite3 history.sqlite .recover`",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another process writes this history.
    #[error(transparent)]
    InUse(#[from] FolderInUse),
    /// SQLite reports another error.
    #[error("{}: {source}; {}", path.display(), advice(source))]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite reports.
        source: rusqlite::Error,
    },
    /// The database was removed or replaced while it is written.
    #[error("{} was removed or replaced while it was in use: start again, so that it is opened anew", path.display())]
    Replaced {
        /// The database.
        path: PathBuf,
    },
    /// A file or a folder cannot be read or made.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// There is no verdict of this number, or no longer.
    #[error("there is no verdict {id}: it may have been removed because of its age")]
    NoVerdict {
        /// The number.
        id: i64,
    },
    /// A value is out of its range.
    #[error("{what}")]
    Value {
        /// Which, and what is allowed.
        what: String,
    },
    /// The folder to export into is not empty.
    #[error("{} is there already and is not empty: give the name of a new folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// There is no feedback in force.
    #[error("the history in {} has no feedback{of}; nothing was written", path.display())]
    NoFeedback {
        /// The folder of the history.
        path: PathBuf,
        /// On which model, with a blank before it; empty for all.
        of: String,
    },
    /// There is no verdict of a model's network.
    #[error("the history in {} has no verdict of this model, nor of another with the same network; it has {known}", path.display())]
    NoVerdicts {
        /// The folder of the history.
        path: PathBuf,
        /// The models that it has.
        known: String,
    },
    /// No score of the chosen kinds is one of a good image.
    #[error(
        "the history in {} has no score of a good image of this model: state of some verdicts that the part is good, \
         or count those that nobody questioned",
        path.display()
    )]
    NoScores {
        /// The folder of the history.
        path: PathBuf,
    },
}

/// The result of an operation on a history.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Who can mend it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Damaged { .. }
            | Self::NoFeedback { .. }
            | Self::NoVerdicts { .. }
            | Self::NoScores { .. } => ErrorKind::Data,
            Self::NoVerdict { .. } | Self::Value { .. } => ErrorKind::Arguments,
            _ => ErrorKind::Environment,
        }
    }

    /// A value out of its range.
    pub(crate) fn value(what: impl Into<String>) -> Self {
        Self::Value { what: what.into() }
    }

    /// What SQLite reports of a database.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, what: source.to_string() }
            }
            _ => Self::Sqlite { path, source },
        }
    }

    /// The system's error about a path.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process writes to it for a long time: try again"
        }
        Some(ErrorCode::DiskFull) => "the disk is full: free some space, or keep less",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "make the folder writable for this user; SQLite needs that for reading too"
        }
        _ => "check the disk",
    }
}
