//! A version that is known.

use std::sync::Arc;

use super::scan::{Found, Stamp};
use super::{Listed, Served};

/// The state of a version that is served, as the protocol names it.
pub(super) const READY: &str = "READY";

/// The state of one that is not.
const UNAVAILABLE: &str = "UNAVAILABLE";

/// A version that is missing in so many listings in a row is gone: a file that is being replaced may be
/// missing in one.
const GONE_AFTER: u32 = 3;

/// A version that is there, was there, or is loaded.
#[derive(Clone, Default)]
pub(super) struct Entry {
    pub(super) served: Option<Arc<Served>>,
    /// The file that was tried last, loaded or not.
    pub(super) tried: Option<Stamp>,
    /// Why the file that was tried last is not served; empty if it is.
    pub(super) reason: String,
    /// Whether it was unloaded by a request and waits for one to load it.
    pub(super) unloaded: bool,
    /// Whether it was loaded by a request and stays loaded beside higher versions.
    pub(super) wanted: bool,
    /// Listings in a row without its file.
    missing: u32,
}

impl Entry {
    pub(super) fn listed(&self, name: &str, version: u64) -> Listed {
        let reason = match &self.served {
            _ if self.missing > 0 => "its file is gone".to_owned(),
            None if self.reason.is_empty() && self.unloaded => "unloaded".to_owned(),
            None if self.reason.is_empty() => "a higher version is served".to_owned(),
            _ => self.reason.clone(),
        };
        let state = if self.served.is_some() { READY } else { UNAVAILABLE };
        Listed { name: name.to_owned(), version: version.to_string(), state, reason }
    }

    /// Takes note of whether the file was there in a listing.
    pub(super) fn note(&mut self, found: Option<&Found>) {
        self.missing = if found.is_some() { 0 } else { self.missing.saturating_add(1) };
    }

    /// Whether its file has been missing for long.
    pub(super) fn is_gone(&self) -> bool {
        self.missing >= GONE_AFTER
    }

    /// Whether this file was not tried yet.
    pub(super) fn is_new(&self, found: &Found) -> bool {
        self.tried != Some(found.stamp)
    }
}
