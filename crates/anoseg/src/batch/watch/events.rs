//! Events of folders. Where the system gives none, listings alone find the files.

use std::path::PathBuf;

/// What events tell.
#[derive(Default)]
pub(super) struct News {
    /// Files that were closed after writing, or renamed to this name.
    pub(super) whole: Vec<PathBuf>,
    /// Folders appeared, or events were lost.
    pub(super) list_again: bool,
}

#[cfg(target_os = "linux")]
pub(super) use linux::Events;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

    use super::News;

    /// Reads of the queue at a time; each gives up to 4 KiB of events.
    const MOST_READS: usize = 16;

    /// Events of watched folders.
    pub(in super::super) struct Events {
        inotify: Option<Inotify>,
        folders: HashMap<WatchDescriptor, PathBuf>,
    }

    impl Events {
        pub(in super::super) fn new() -> Self {
            let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
            Self { inotify: Inotify::init(flags).ok(), folders: HashMap::new() }
        }

        /// Also gives the events of this folder. Where the system refuses, listings find its files.
        pub(in super::super) fn watch(&mut self, folder: &Path) {
            let flags = AddWatchFlags::IN_CLOSE_WRITE
                | AddWatchFlags::IN_MOVED_TO
                | AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_ONLYDIR;
            if let Some(watch) = self.inotify.as_ref().and_then(|all| all.add_watch(folder, flags).ok()) {
                self.folders.insert(watch, folder.to_owned());
            }
        }

        pub(in super::super) fn read(&mut self) -> News {
            let mut news = News::default();
            let Some(inotify) = &self.inotify else { return news };
            for _ in 0..MOST_READS {
                let Ok(events) = inotify.read_events() else { break };
                for event in events {
                    if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                        self.folders.remove(&event.wd);
                    } else if event.mask.intersects(AddWatchFlags::IN_ISDIR | AddWatchFlags::IN_Q_OVERFLOW) {
                        news.list_again = true;
                    } else if event
                        .mask
                        .intersects(AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO)
                        && let (Some(folder), Some(name)) = (self.folders.get(&event.wd), event.name)
                    {
                        news.whole.push(folder.join(name));
                    }
                }
            }
            news
        }

        /// Waits for an event, at most this long.
        pub(in super::super) fn wait(&self, time: Duration) {
            let milliseconds = u16::try_from(time.as_millis()).unwrap_or(u16::MAX).max(1);
            let Some(inotify) = &self.inotify else { return std::thread::sleep(time) };
            let mut descriptors = [PollFd::new(std::os::fd::AsFd::as_fd(inotify), PollFlags::POLLIN)];
            if poll(&mut descriptors, PollTimeout::from(milliseconds)).is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// No events.
#[cfg(not(target_os = "linux"))]
pub(super) struct Events;

#[cfg(not(target_os = "linux"))]
impl Events {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn watch(&mut self, _: &std::path::Path) {}

    pub(super) fn read(&mut self) -> News {
        News::default()
    }

    pub(super) fn wait(&self, time: std::time::Duration) {
        std::thread::sleep(time);
    }
}
