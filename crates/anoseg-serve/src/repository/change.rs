//! Loading and unloading. All of it runs on a thread of its own, never on that of a request.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::scan::{self, Found};
use super::{Change, Repository, Served, Versions};

/// Why a model is not loaded or unloaded as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// There is no such model or version.
    #[error("no such model or version in the repository")]
    Unknown,
    /// It could not be loaded.
    #[error("{0}")]
    Unusable(String),
}

impl Repository {
    /// Compares the folder with what is loaded, and loads what is new or changed. What changed is told
    /// to `tell`, each when it is in force.
    ///
    /// # Errors
    /// The folder cannot be listed; everything stays as it is.
    pub(crate) fn refresh(&self, tell: &mut dyn FnMut(&Change)) -> io::Result<()> {
        let _change = self.change();
        let mut listing = scan::list(&self.root)?;
        let known: Vec<String> = self.models_known();
        for name in &known {
            listing.entry(name.clone()).or_default();
        }
        for (name, found) in &listing {
            self.refresh_model(name, found, tell);
        }
        self.tell_misplaced();
        Ok(())
    }

    /// Loads a version of a model, the highest if None, also where it was unloaded.
    ///
    /// # Errors
    /// There is none, or it cannot be loaded; what was served before still is.
    pub(crate) fn load(
        &self,
        name: &str,
        version: Option<u64>,
        tell: &mut dyn FnMut(&Change),
    ) -> Result<(), Refused> {
        let _change = self.change();
        let listing = scan::list(&self.root).map_err(|error| Refused::Unusable(error.to_string()))?;
        let found = listing.get(name).ok_or(Refused::Unknown)?;
        let wanted = version.or_else(|| found.keys().next_back().copied()).ok_or(Refused::Unknown)?;
        if !found.contains_key(&wanted) {
            return Err(Refused::Unknown);
        }
        let mut versions = self.copy(name);
        versions.unloaded = false;
        if version.is_none() {
            versions.entries.values_mut().for_each(|entry| entry.unloaded = false);
        }
        let entry = versions.entries.entry(wanted).or_default();
        (entry.unloaded, entry.wanted) = (false, version.is_some());
        // A file that failed is tried again.
        if entry.served.is_none() || !entry.reason.is_empty() {
            entry.tried = None;
        }
        self.put(name, versions);
        self.refresh_model(name, found, tell);
        let versions = self.copy(name);
        let entry = versions.entries.get(&wanted).ok_or(Refused::Unknown)?;
        if entry.reason.is_empty() { Ok(()) } else { Err(Refused::Unusable(entry.reason.clone())) }
    }

    /// Unloads a version of a model, or all of it if None, until it is loaded again by a request.
    /// Without its highest version a model is served by the next one.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn unload(
        &self,
        name: &str,
        version: Option<u64>,
        tell: &mut dyn FnMut(&Change),
    ) -> Result<(), Refused> {
        let _change = self.change();
        let mut versions = self.copy(name);
        let mut ended = Vec::new();
        match version {
            None if versions.entries.is_empty() => return Err(Refused::Unknown),
            None => {
                versions.unloaded = true;
                ended.extend(versions.entries.values_mut().filter_map(|entry| entry.end()));
            }
            Some(version) => {
                let entry = versions.entries.get_mut(&version).ok_or(Refused::Unknown)?;
                ended.extend(entry.end());
            }
        }
        // The version to fall back to is there before the other one goes.
        if version.is_some()
            && versions.loaded() == 0
            && let Some(found) = scan::list(&self.root).unwrap_or_default().get(name)
        {
            self.load_missing(name, found, &mut versions, tell);
        }
        self.put(name, versions);
        ended.into_iter().for_each(|served| tell(&Change::Unloaded(served)));
        Ok(())
    }

    /// Tells, once each, of model files that are not found where they lie.
    fn tell_misplaced(&self) {
        let mut told = self.misplaced.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now: BTreeSet<String> = scan::misplaced(&self.root).into_iter().collect();
        now.difference(&told).for_each(|line| tracing::warn!("a model file is passed over: {line}"));
        *told = now;
    }

    fn models_known(&self) -> Vec<String> {
        let models = self.models.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        models.keys().cloned().collect()
    }

    fn refresh_model(&self, name: &str, found: &BTreeMap<u64, Found>, tell: &mut dyn FnMut(&Change)) {
        let mut versions = self.copy(name);
        found.keys().for_each(|version| _ = versions.entries.entry(*version).or_default());
        versions.entries.iter_mut().for_each(|(version, entry)| entry.note(found.get(version)));
        if !versions.unloaded {
            self.load_missing(name, found, &mut versions, tell);
        }
        let ended = self.take_out(&mut versions);
        self.put(name, versions);
        ended.into_iter().for_each(|served| tell(&Change::Unloaded(served)));
    }

    /// Loads the highest versions until enough are loaded, and those that were asked for. Each is put
    /// into force at once.
    fn load_missing(
        &self,
        name: &str,
        found: &BTreeMap<u64, Found>,
        versions: &mut Versions,
        tell: &mut dyn FnMut(&Change),
    ) {
        if versions.loaded() == 0
            && let Some(last) = self.examiner.as_ref().and_then(|examiner| examiner.last_in_service(name))
            && versions.entries.get(&last).is_none_or(|entry| !entry.unloaded)
        {
            self.load_one(name, (last, found.get(&last)), versions, tell);
        }
        let mut loaded = 0;
        for (version, found) in found.iter().rev() {
            let entry = versions.entries.entry(*version).or_default();
            if entry.unloaded || (loaded >= self.keep && !entry.wanted) {
                continue;
            }
            self.load_one(name, (*version, Some(found)), versions, tell);
            loaded += usize::from(versions.entries.get(version).is_some_and(|entry| entry.served.is_some()));
        }
    }

    /// Loads a version whose file was not tried yet, and puts it into force.
    fn load_one(
        &self,
        name: &str,
        (version, found): (u64, Option<&Found>),
        versions: &mut Versions,
        tell: &mut dyn FnMut(&Change),
    ) {
        let Some(found) = found else { return };
        let present = versions.entries.get(&version).and_then(|entry| entry.served.clone());
        // The version that it takes the place of: itself, or the highest one, if that is lower.
        let highest = versions.highest().filter(|highest| highest.version < version).cloned();
        let former = present.or(highest);
        let entry = versions.entries.entry(version).or_default();
        if !entry.is_new(found) {
            return;
        }
        entry.tried = Some(found.stamp);
        let change = match self.load_file(name, version, found, former.as_deref()) {
            Ok(served) => {
                let again = entry.served.replace(served.clone()).is_some();
                entry.reason.clear();
                let same = former.is_some_and(|former| former.digest == served.digest);
                let compared = served.regression.is_some() && !same;
                Change::Loaded { served, again, compared }
            }
            Err(reason) => {
                entry.reason.clone_from(&reason);
                Change::Failed { name: name.to_owned(), version, reason }
            }
        };
        self.put(name, versions.clone());
        tell(&change);
    }

    fn load_file(
        &self,
        name: &str,
        version: u64,
        found: &Found,
        former: Option<&Served>,
    ) -> Result<Arc<Served>, String> {
        let loading = || {
            let served = Served::load(name, version, found, &self.limits);
            let mut served = served.map_err(|error| error.to_string())?;
            self.examiner.as_ref().map_or(Ok(()), |examiner| examiner.examine(&mut served, former))?;
            Ok(served)
        };
        let result = std::panic::catch_unwind(AssertUnwindSafe(loading));
        let served =
            result.unwrap_or_else(|_| Err("a fault of this program while it was loaded".to_owned()))?;
        if found.stamp_now() == Some(found.stamp) {
            Ok(Arc::new(served))
        } else {
            // The next listing has the new stamp.
            Err("its file changed while it was loaded".to_owned())
        }
    }

    /// Takes out versions that higher ones displaced, and those whose files are gone. The last one of a
    /// model stays, whatever happens to its file.
    fn take_out(&self, versions: &mut Versions) -> Vec<Arc<Served>> {
        let (mut ended, mut kept) = (Vec::new(), 0);
        for entry in versions.entries.values_mut().rev() {
            let displaced = kept >= self.keep && !entry.wanted;
            if entry.served.is_some() && (displaced || entry.is_gone()) {
                ended.push(entry);
            } else {
                kept += usize::from(entry.served.is_some());
            }
        }
        // The highest of those that would go is at the front.
        let ended = ended.split_off(usize::from(kept == 0).min(ended.len()));
        let ended = ended.into_iter().filter_map(|entry| {
            // Its file is loaded again if it is needed later.
            entry.tried = None;
            entry.served.take()
        });
        let ended = ended.collect();
        versions.entries.retain(|_, entry| entry.served.is_some() || !entry.is_gone());
        ended
    }
}

impl super::Entry {
    /// Ends its service, until it is loaded by a request.
    fn end(&mut self) -> Option<Arc<Served>> {
        (self.unloaded, self.wanted, self.tried) = (true, false, None);
        self.reason.clear();
        self.served.take()
    }
}
