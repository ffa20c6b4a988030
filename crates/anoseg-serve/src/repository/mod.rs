//! The models of a folder: which versions are loaded, and their replacement while requests go on.
//!
//! A request holds the version that it began with, so that a replaced one is freed after its last
//! request.

mod change;
mod entry;
mod examine;
mod scan;
mod served;
mod statistics;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use anoseg::Limits;
use serde::{Deserialize, Serialize};

pub(crate) use change::Refused;
use entry::Entry;
pub(crate) use examine::Examiner;
pub(crate) use scan::version;
pub(crate) use served::Served;
pub(crate) use statistics::{Counted, Total};

/// The models that are there, and those that are loaded.
pub(crate) struct Repository {
    root: PathBuf,
    /// Versions of each model that are loaded, the highest ones.
    keep: usize,
    limits: Limits,
    /// None without a history.
    examiner: Option<Examiner>,
    models: RwLock<BTreeMap<String, Versions>>,
    /// Held while models are loaded and unloaded: one change at a time.
    changing: Mutex<()>,
    /// Model files in other places that were told.
    misplaced: Mutex<BTreeSet<String>>,
}

/// What a path names: a model, and one of its versions; the highest where it names none.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) model: String,
    pub(crate) version: Option<String>,
}

/// The versions of a model.
#[derive(Clone, Default)]
struct Versions {
    entries: BTreeMap<u64, Entry>,
    /// Whether it is to stay unloaded, whatever versions come.
    unloaded: bool,
}

impl Versions {
    /// The highest version that is loaded.
    fn highest(&self) -> Option<&Arc<Served>> {
        self.entries.values().rev().find_map(|entry| entry.served.as_ref())
    }

    fn loaded(&self) -> usize {
        self.entries.values().filter(|entry| entry.served.is_some()).count()
    }
}

/// A version as the index lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) version: String,
    /// READY or UNAVAILABLE.
    pub(crate) state: &'static str,
    pub(crate) reason: String,
}

/// What happened to a version.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It is served from now on; in place of an earlier file of the same version if `again`, and `compared` with the
    /// former version.
    Loaded { served: Arc<Served>, again: bool, compared: bool },
    /// It is not served any more.
    Unloaded(Arc<Served>),
    /// It could not be loaded; what was served before still is.
    Failed { name: String, version: u64, reason: String },
}

impl Repository {
    /// Nothing is loaded yet. `keep` versions of each model will be.
    pub(crate) fn new(root: PathBuf, keep: usize, limits: Limits, examiner: Option<Examiner>) -> Self {
        Self {
            root,
            keep,
            limits,
            examiner,
            models: RwLock::default(),
            changing: Mutex::default(),
            misplaced: Mutex::default(),
        }
    }

    /// A version of a model that is loaded, the highest if None.
    pub(crate) fn get(&self, name: &str, version: Option<u64>) -> Option<Arc<Served>> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let versions = models.get(name)?;
        match version {
            None => versions.highest().cloned(),
            Some(version) => versions.entries.get(&version)?.served.clone(),
        }
    }

    /// The loaded versions of a model, ascending.
    pub(crate) fn versions(&self, name: &str) -> Vec<u64> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let entries = models.get(name).into_iter().flat_map(|versions| &versions.entries);
        entries.filter(|(_, entry)| entry.served.is_some()).map(|(version, _)| *version).collect()
    }

    /// Everything that is loaded.
    pub(crate) fn served(&self) -> Vec<Arc<Served>> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let entries = models.values().flat_map(|versions| versions.entries.values());
        entries.filter_map(|entry| entry.served.clone()).collect()
    }

    /// All versions that are known; only those that are served if `ready`.
    pub(crate) fn index(&self, ready: bool) -> Vec<Listed> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let all = models.iter().flat_map(|(name, versions)| {
            versions.entries.iter().map(move |(version, entry)| entry.listed(name, *version))
        });
        all.filter(|listed| !ready || listed.state == entry::READY).collect()
    }

    /// The versions of a model as they are now.
    fn copy(&self, name: &str) -> Versions {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        models.get(name).cloned().unwrap_or_default()
    }

    /// Puts the changed versions of a model in the place of those before, in one step.
    fn put(&self, name: &str, versions: Versions) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        let before = if versions.entries.is_empty() && !versions.unloaded {
            models.remove(name)
        } else {
            models.insert(name.to_owned(), versions)
        };
        drop(models);
        // Freeing a model takes time, which requests need not wait for.
        drop(before);
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
