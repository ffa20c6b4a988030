//! Which places a worker may read and write.

use std::path::{Component, Path, PathBuf};

use anoseg::SettingError;
use anoseg_image::dataset::display_name;

use super::failure::Failure;
use crate::storage::is_s3;

/// The places that tasks may name; none: all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    folders: Vec<PathBuf>,
    stores: Vec<String>,
}

impl Allowed {
    /// These folders and `s3://bucket/prefix`.
    ///
    /// # Errors
    /// A folder does not exist.
    pub(crate) fn new(places: &[PathBuf]) -> Result<Self, SettingError> {
        let mut allowed = Self::default();
        for place in places {
            match place.to_str().filter(|name| is_s3(name)) {
                Some(name) => allowed.stores.push(format!("{}/", name.trim_end_matches('/'))),
                None => {
                    let folder = std::fs::canonicalize(place);
                    let refuse = |error| {
                        SettingError::new(
                            "allowed places",
                            place.display(),
                            format!("{error}; give a folder"),
                        )
                    };
                    allowed.folders.push(folder.map_err(refuse)?);
                }
            }
        }
        Ok(allowed)
    }

    /// Fails if a task must not name this: a path, or something in a store.
    pub(crate) fn check(&self, place: &Path) -> Result<(), Failure> {
        if self.folders.is_empty() && self.stores.is_empty() {
            return Ok(());
        }
        let is_allowed = match place.to_str().filter(|name| is_s3(name)) {
            Some(name) => {
                let plain = name.split('/').all(|part| part != ".." && part != ".");
                plain && self.stores.iter().any(|store| format!("{name}/").starts_with(store))
            }
            None => {
                let place = resolved(place);
                place.is_some_and(|place| self.folders.iter().any(|folder| place.starts_with(folder)))
            }
        };
        if is_allowed {
            return Ok(());
        }
        Err(Failure::lasting(format!(
            "{} is in no place that this worker is allowed to use",
            display_name(place)
        )))
    }
}

/// A path without links, as far as it exists; None where it could lead anywhere.
fn resolved(path: &Path) -> Option<PathBuf> {
    for known in path.ancestors() {
        if let Ok(whole) = std::fs::canonicalize(known) {
            let below = path.strip_prefix(known).ok()?;
            let is_plain = below.components().all(|part| matches!(part, Component::Normal(_)));
            return is_plain.then(|| whole.join(below));
        }
    }
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_places_that_are_allowed() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        std::fs::create_dir_all(path("in/a")).unwrap();
        std::fs::create_dir_all(path("out")).unwrap();
        std::os::unix::fs::symlink(path("out"), path("in/link")).unwrap();
        let allowed = Allowed::new(&[path("in"), "s3://bucket/images/".into()]).unwrap();
        for inside in [path("in"), path("in/a/x.png"), path("in/new/deep"), "s3://bucket/images/x.png".into()]
        {
            allowed.check(&inside).unwrap();
        }
        for outside in [
            path("out"),
            path("inn"),
            path("in/link/x.png"),
            path("in/../out/x.png"),
            path("in/new/../../out"),
            "s3://bucket/images2/x.png".into(),
            "s3://bucket/images/../x.png".into(),
            "s3://other/images/x.png".into(),
            "in/a".into(),
        ] {
            assert!(allowed.check(&outside).unwrap_err().is_lasting, "{}", outside.display());
        }
        Allowed::default().check(&path("out")).unwrap();
        assert!(Allowed::new(&[path("none")]).unwrap_err().to_string().contains("allowed places"));
    }
}
