//! Where the file of an image goes after its verdict.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anoseg_infer::Decision;

/// What happens to an image's file after its verdict, in the folder `good`, `review` or `reject` of
/// the folder given. No file is overwritten: a number is appended to the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is moved.
    Move(PathBuf),
    /// It is linked: a hard link, a symbolic one where the file system has none.
    Link(PathBuf),
}

/// Each has a folder.
const DECISIONS: [Decision; 3] = [Decision::Good, Decision::Review, Decision::Reject];

impl Delivery {
    /// Whether `folder` is this folder, or one of those in it that files go into, by whatever names they
    /// are reached. Files of such a folder cannot be delivered.
    pub fn sorts_into(&self, folder: &Path) -> bool {
        let decided = DECISIONS.iter().map(|decision| self.folder_of(*decision));
        std::iter::once(self.folder().to_owned()).chain(decided).any(|own| are_one_folder(&own, folder))
    }

    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::Move(folder) | Self::Link(folder) => folder,
        }
    }

    /// Delivers a file. Doing so again after an interruption gives no second copy.
    pub(super) fn deliver(&self, file: &Path, decision: Decision) -> io::Result<()> {
        let folder = self.folder_of(decision);
        fs::create_dir_all(&folder)?;
        match self {
            Self::Move(_) => move_into(&folder, file),
            Self::Link(_) => {
                self.unlink_but(decision, file)?;
                link_into(&folder, file).or_else(|_| symbolic_into(&folder, file))
            }
        }
    }

    fn folder_of(&self, decision: Decision) -> PathBuf {
        self.folder().join(match decision {
            Decision::Good => "good",
            Decision::Review => "review",
            Decision::Reject => "reject",
        })
    }

    /// Removes links to this file that an earlier decision made. Where a file is overwritten in its place,
    /// they show what it holds now. The file itself may lie in such a folder.
    fn unlink_but(&self, decision: Decision, file: &Path) -> io::Result<()> {
        let others = DECISIONS.into_iter().filter(|other| *other != decision);
        for folder in others.map(|other| self.folder_of(other)).filter(|folder| !lies_in(folder, file)) {
            let there = |name: &PathBuf| fs::symlink_metadata(name).is_ok();
            let is_link = |name: &PathBuf| are_one(file, name) || leads_to(name, file);
            for name in names(&folder, file).take_while(there).filter(is_link) {
                fs::remove_file(name)?;
            }
        }
        Ok(())
    }
}

/// The names of a file in a folder: its own, then with numbers.
fn names(folder: &Path, file: &Path) -> impl Iterator<Item = PathBuf> {
    let (folder, file) = (folder.to_owned(), file.to_owned());
    (1u32..).map(move |number| {
        if number == 1 {
            return folder.join(file.file_name().unwrap_or_default());
        }
        let mut name = file.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        if let Some(ending) = file.extension() {
            name.push(".");
            name.push(ending);
        }
        folder.join(name)
    })
}

/// Tries names until one is free or `is_same` says that it is this file already. Gives the name.
fn first_free(
    folder: &Path,
    file: &Path,
    create: impl Fn(&Path) -> io::Result<()>,
    is_same: impl Fn(&Path) -> bool,
) -> io::Result<PathBuf> {
    for name in names(folder, file) {
        match create(&name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && !is_same(&name) => {}
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => return Ok(name),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn link_into(folder: &Path, file: &Path) -> io::Result<()> {
    first_free(folder, file, |name| fs::hard_link(file, name), |name| are_one(file, name)).map(drop)
}

/// Whether this is a symbolic link to the file.
fn leads_to(name: &Path, file: &Path) -> bool {
    fs::read_link(name).is_ok_and(|to| fs::canonicalize(file).is_ok_and(|file| file == to))
}

#[cfg(unix)]
fn symbolic_into(folder: &Path, file: &Path) -> io::Result<()> {
    let target = fs::canonicalize(file)?;
    let create = |name: &Path| std::os::unix::fs::symlink(&target, name);
    first_free(folder, file, create, |name| leads_to(name, file)).map(drop)
}

#[cfg(not(unix))]
fn symbolic_into(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// A hard link first, because a rename would overwrite.
fn move_into(folder: &Path, file: &Path) -> io::Result<()> {
    // Its own name there would be taken for a link that is made already, and the file removed.
    if lies_in(folder, file) {
        return Err(io::Error::other("it lies in that folder already"));
    }
    if link_into(folder, file).is_ok() {
        return fs::remove_file(file);
    }
    let reserve = |name: &Path| File::options().write(true).create_new(true).open(name).map(drop);
    let name = first_free(folder, file, reserve, |_| false)?;
    let moved = fs::rename(file, &name).or_else(|_| copy_over(file, &name));
    if moved.is_err() {
        _ = fs::remove_file(&name);
    }
    moved
}

/// To another file system: the name has the whole file or the empty one that reserved it.
fn copy_over(file: &Path, name: &Path) -> io::Result<()> {
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name.file_name().unwrap_or_default());
    hidden.push(".tmp");
    let half = name.with_file_name(hidden);
    let copied = fs::copy(file, &half)
        .and_then(|_| File::open(&half)?.sync_all())
        .and_then(|()| fs::rename(&half, name));
    if copied.is_err() {
        _ = fs::remove_file(&half);
    }
    copied?;
    fs::remove_file(file)
}

/// Whether the file lies in this folder, by whatever names the two are reached.
fn lies_in(folder: &Path, file: &Path) -> bool {
    let own = file.parent().filter(|own| !own.as_os_str().is_empty()).unwrap_or(Path::new("."));
    are_one_folder(own, folder)
}

fn are_one_folder(a: &Path, b: &Path) -> bool {
    let whole = [a, b].map(fs::canonicalize);
    matches!(whole, [Ok(a), Ok(b)] if a == b || are_one(&a, &b))
}

#[cfg(unix)]
fn are_one(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path| fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()));
    matches!((identity(a), identity(b)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
fn are_one(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The link of a good part once stayed in `good` when a defective one was written over the file.
    #[cfg(unix)]
    #[test]
    fn links_to_an_overwritten_file_follow_its_verdict() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("a.png"), folder.path().join("sorted"));
        fs::create_dir_all(target.join("good")).unwrap();
        fs::write(target.join("good/a.png"), "another").unwrap();
        fs::write(&file, "good").unwrap();
        let link = Delivery::Link(target.clone());
        link.deliver(&file, Decision::Good).unwrap();
        std::os::unix::fs::symlink(fs::canonicalize(&file).unwrap(), target.join("good/a-3.png")).unwrap();
        fs::write(&file, "defective").unwrap();
        link.deliver(&file, Decision::Reject).unwrap();
        let names = |of: &str| -> Vec<PathBuf> {
            fs::read_dir(target.join(of)).unwrap().map(|entry| entry.unwrap().path()).collect()
        };
        assert_eq!(names("good"), [target.join("good/a.png")]);
        assert_eq!(fs::read_to_string(target.join("good/a.png")).unwrap(), "another");
        assert_eq!(names("reject"), [target.join("reject/a.png")]);
    }

    /// The only copy of a file was once removed as if it were moved already, or as a link of an earlier
    /// decision.
    #[test]
    fn a_file_that_lies_in_the_folder_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("good/a.png"), folder.path().to_owned());
        fs::create_dir_all(target.join("good")).unwrap();
        fs::write(&file, "image").unwrap();
        let (moved, linked) = (Delivery::Move(target.clone()), Delivery::Link(target.clone()));
        assert!(moved.sorts_into(&target) && linked.sorts_into(&target.join("good")));
        assert!(!moved.sorts_into(&target.join("review")), "it is not there");
        moved.deliver(&file, Decision::Good).unwrap_err();
        for decision in DECISIONS {
            linked.deliver(&file, decision).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), "image");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(target.join("good"), target.join("camera")).unwrap();
            Delivery::Move(target.clone()).deliver(&target.join("camera/a.png"), Decision::Good).unwrap_err();
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "image");
    }

    #[test]
    fn files_are_delivered_once_and_overwrite_none() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("a.png"), folder.path().join("sorted"));
        fs::create_dir_all(target.join("good")).unwrap();
        fs::write(target.join("good/a.png"), "another").unwrap();
        fs::write(&file, "image").unwrap();
        let link = Delivery::Link(target.clone());
        for _ in 0..2 {
            link.deliver(&file, Decision::Good).unwrap();
            assert_eq!(fs::read_dir(target.join("good")).unwrap().count(), 2);
        }
        Delivery::Move(target.clone()).deliver(&file, Decision::Good).unwrap();
        assert!(!file.exists());
        assert_eq!(fs::read_to_string(target.join("good/a.png")).unwrap(), "another");
        assert_eq!(fs::read_to_string(target.join("good/a-2.png")).unwrap(), "image");
        let other = folder.path().join("b.png");
        fs::write(&other, "other").unwrap();
        copy_over(&other, &target.join("good/b.png")).unwrap();
        assert!(!other.exists() && target.join("good/b.png").exists());
    }
}
