//! Where the file of an image goes after its verdict.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use anoseg_image::write::folder_of;
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

/// A file at the place where it is delivered.
pub(super) struct Placed {
    pub(super) place: PathBuf,
    /// Whether it was not there before.
    is_new: bool,
    /// Whether it is a link, beside a file that stays.
    pub(super) is_link: bool,
}

impl Placed {
    /// Takes it away again, as if it had not been delivered.
    pub(super) fn withdraw(&self) {
        if self.is_new {
            _ = fs::remove_file(&self.place);
        }
    }
}

impl Delivery {
    /// Whether `folder` is this folder, or one of those in it that files go into, by whatever names they
    /// are reached. Files of such a folder cannot be delivered.
    pub fn sorts_into(&self, folder: &Path) -> bool {
        self.folders().iter().any(|own| are_one_folder(own, folder))
    }

    /// This folder and those in it that files go into. They need not exist.
    pub fn folders(&self) -> Vec<PathBuf> {
        let decided = Decision::ALL.iter().map(|decision| self.folder_of(*decision));
        std::iter::once(self.folder().to_owned()).chain(decided).collect()
    }

    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::Move(folder) | Self::Link(folder) => folder,
        }
    }

    /// Links or copies a file to its new place. Doing so again after an interruption gives the same place.
    /// A file that is moved still lies at its old place then, from which the caller takes it.
    pub(super) fn place(&self, file: &Path, decision: Decision) -> io::Result<Placed> {
        let folder = self.folder_of(decision);
        fs::create_dir_all(&folder)?;
        let is_link = matches!(self, Self::Link(_));
        if is_link {
            self.unlink_but(decision, file)?;
        } else if lies_in(&folder, file) {
            // Its own name there would be taken for a link that is made already, and the file removed.
            return Err(io::Error::other("it lies in that folder already"));
        }
        let linked = match fs::read_link(file) {
            Ok(text) => relinked_into(&folder, file, &text),
            Err(_) => link_into(&folder, file),
        };
        let otherwise = |_| if is_link { symbolic_into(&folder, file) } else { copy_into(&folder, file) };
        let (place, is_new) = linked.or_else(otherwise)?;
        Ok(Placed { place, is_new, is_link })
    }

    fn folder_of(&self, decision: Decision) -> PathBuf {
        self.folder().join(decision.name())
    }

    /// Removes links to this file that an earlier decision made. Where a file is overwritten in its place,
    /// they show what it holds now. The file itself may lie in such a folder.
    fn unlink_but(&self, decision: Decision, file: &Path) -> io::Result<()> {
        let others = Decision::ALL.into_iter().filter(|other| *other != decision);
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

/// Tries names until one is free or `is_same` says that it is this file already. Gives the name, and whether
/// it was free.
fn first_free(
    folder: &Path,
    file: &Path,
    create: impl Fn(&Path) -> io::Result<()>,
    is_same: impl Fn(&Path) -> bool,
) -> io::Result<(PathBuf, bool)> {
    for name in names(folder, file) {
        match create(&name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && !is_same(&name) => {}
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            created => return Ok((name, created.is_ok())),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn link_into(folder: &Path, file: &Path) -> io::Result<(PathBuf, bool)> {
    first_free(folder, file, |name| fs::hard_link(file, name), |name| are_one(file, name))
}

/// Whether this is a symbolic link to the file.
fn leads_to(name: &Path, file: &Path) -> bool {
    let is_link = fs::symlink_metadata(name).is_ok_and(|metadata| metadata.is_symlink());
    is_link && matches!((fs::canonicalize(name), fs::canonicalize(file)), (Ok(a), Ok(b)) if a == b)
}

fn symbolic_into(folder: &Path, file: &Path) -> io::Result<(PathBuf, bool)> {
    let target = fs::canonicalize(file)?;
    first_free(folder, file, |name| symbolic(&target, name), |name| leads_to(name, file))
}

/// A symbolic link that leads where `file`, a link of this text, leads. A relative one stays relative, so that
/// both can be moved together, and names the file from its new folder: with its old text it would lead to
/// nothing.
fn relinked_into(folder: &Path, file: &Path, text: &Path) -> io::Result<(PathBuf, bool)> {
    let target =
        if text.is_absolute() { text.to_owned() } else { relative(folder, &folder_of(file).join(text))? };
    let is_same = |name: &Path| fs::read_link(name).is_ok_and(|text| text == target);
    first_free(folder, file, |name| symbolic(&target, name), is_same)
}

/// The path of a file from a folder, both of which are there. The file may be a link itself.
fn relative(folder: &Path, file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(ErrorKind::InvalidFilename)?;
    let (from, to) = (fs::canonicalize(folder)?, fs::canonicalize(folder_of(file))?);
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    Ok(up.chain(to.components().skip(shared)).collect::<PathBuf>().join(name))
}

#[cfg(unix)]
fn symbolic(target: &Path, name: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, name)
}

#[cfg(not(unix))]
fn symbolic(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// To another file system, or one without links. A link as well becomes the file that it leads to.
///
/// The copy gets its name when it is whole. What a kill leaves of one is replaced by the next.
fn copy_into(folder: &Path, file: &Path) -> io::Result<(PathBuf, bool)> {
    let taken = |name: &PathBuf| fs::symlink_metadata(name).is_ok();
    if let Some(name) = names(folder, file).take_while(taken).find(|name| is_copy(file, name)) {
        return Ok((name, false));
    }
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(file.file_name().unwrap_or_default());
    hidden.push(".tmp");
    let half = folder.join(hidden);
    // Through a link another file would be written.
    _ = fs::remove_file(&half);
    let copied = copy_to(file, &half)
        .and_then(|()| first_free(folder, file, |name| named(&half, name), |name| is_copy(file, name)));
    _ = fs::remove_file(&half);
    copied
}

/// A whole copy, with the time of the file, on the disk.
fn copy_to(file: &Path, half: &Path) -> io::Result<()> {
    fs::copy(file, half)?;
    let written = File::options().write(true).open(half).or_else(|_| File::open(half))?;
    // By its time a copy that was made before a kill is known.
    _ = fs::metadata(file)?.modified().and_then(|time| written.set_modified(time));
    written.sync_all()
}

/// Gives a file a name that must be free. Where there are no hard links, an empty file keeps the name for a
/// moment.
fn named(half: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(half, name) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            File::options().write(true).create_new(true).open(name)?;
            fs::rename(half, name).inspect_err(|_| _ = fs::remove_file(name))
        }
        linked => linked,
    }
}

/// Whether this is a copy of the file with its time.
fn is_copy(file: &Path, name: &Path) -> bool {
    let state = |path: &Path| {
        let metadata = fs::metadata(path)?;
        Ok::<_, io::Error>((metadata.is_file(), metadata.len(), metadata.modified()?))
    };
    let are_alike = matches!((state(file), state(name)), (Ok(a), Ok(b)) if a == b && a.0);
    are_alike && matches!((fs::read(file), fs::read(name)), (Ok(a), Ok(b)) if a == b)
}

/// Whether the file lies in this folder, by whatever names the two are reached.
fn lies_in(folder: &Path, file: &Path) -> bool {
    are_one_folder(folder_of(file), folder)
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
        link.place(&file, Decision::Good).unwrap();
        std::os::unix::fs::symlink(fs::canonicalize(&file).unwrap(), target.join("good/a-3.png")).unwrap();
        fs::write(&file, "defective").unwrap();
        link.place(&file, Decision::Reject).unwrap();
        let names = |of: &str| -> Vec<PathBuf> {
            fs::read_dir(target.join(of)).unwrap().map(|entry| entry.unwrap().path()).collect()
        };
        assert_eq!(names("good"), [target.join("good/a.png")]);
        assert_eq!(fs::read_to_string(target.join("good/a.png")).unwrap(), "another");
        assert_eq!(names("reject"), [target.join("reject/a.png")]);
    }

    /// A kill in the middle of a copy once left an empty file of its name and a part of the copy for good.
    #[test]
    fn what_a_kill_leaves_of_a_copy_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("a.png"), folder.path().join("good"));
        fs::create_dir(&target).unwrap();
        fs::write(&file, "image").unwrap();
        fs::write(target.join(".a.png.tmp"), "ima").unwrap();
        let placed = copy_into(&target, &file).unwrap();
        assert_eq!(placed, (target.join("a.png"), true));
        assert_eq!(copy_into(&target, &file).unwrap(), (target.join("a.png"), false));
        fs::write(&file, "another image").unwrap();
        assert_eq!(copy_into(&target, &file).unwrap(), (target.join("a-2.png"), true));
        assert!(copy_into(&target, &folder.path().join("gone.png")).is_err());
        let mut names: Vec<_> =
            fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a-2.png", "a.png"]);
        assert_eq!(fs::read_to_string(target.join("a-2.png")).unwrap(), "another image");
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
        assert!(moved.place(&file, Decision::Good).is_err());
        for decision in Decision::ALL {
            linked.place(&file, decision).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), "image");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(target.join("good"), target.join("camera")).unwrap();
            assert!(
                Delivery::Move(target.clone()).place(&target.join("camera/a.png"), Decision::Good).is_err()
            );
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
            link.place(&file, Decision::Good).unwrap();
            assert_eq!(fs::read_dir(target.join("good")).unwrap().count(), 2);
        }
        let place = Delivery::Move(target.clone()).place(&file, Decision::Good).unwrap().place;
        assert_eq!(place, target.join("good/a-2.png"));
        assert_eq!(fs::read_to_string(target.join("good/a.png")).unwrap(), "another");
        assert_eq!(fs::read_to_string(&place).unwrap(), "image");
        let (review, other) = (target.join("review"), folder.path().join("b.png"));
        fs::create_dir_all(&review).unwrap();
        fs::write(review.join("b.png"), "another").unwrap();
        fs::write(&other, "other").unwrap();
        for is_new in [true, false] {
            assert_eq!(copy_into(&review, &other).unwrap(), (review.join("b-2.png"), is_new));
        }
        assert_eq!(fs::read_to_string(review.join("b-2.png")).unwrap(), "other");
        assert_eq!(fs::read_dir(&review).unwrap().count(), 2);
    }

    /// Relative links led to nothing after they were moved or linked.
    #[cfg(unix)]
    #[test]
    fn links_lead_to_their_file_from_their_new_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for made in ["store", "in/below"] {
            fs::create_dir_all(path(made)).unwrap();
        }
        fs::write(path("store/x.png"), "image").unwrap();
        let links = [
            ("in/a.png", "../store/x.png".into()),
            ("in/below/b.png", "../../store/x.png".into()),
            ("in/below/c.png", "../a.png".into()),
            ("in/d.png", path("store/x.png")),
        ];
        for (name, text) in &links {
            std::os::unix::fs::symlink(text, path(name)).unwrap();
        }
        for delivery in [Delivery::Link(path("linked")), Delivery::Move(path("moved/deep"))] {
            for (name, text) in &links {
                for is_new in [true, false] {
                    let placed = delivery.place(&path(name), Decision::Good).unwrap();
                    assert_eq!(placed.is_new, is_new, "{name}");
                    assert_eq!(fs::read_to_string(&placed.place).unwrap(), "image", "{name}");
                    let now = fs::read_link(&placed.place).unwrap();
                    assert_eq!(now.is_absolute(), text.is_absolute(), "{}", now.display());
                }
            }
        }
    }
}
