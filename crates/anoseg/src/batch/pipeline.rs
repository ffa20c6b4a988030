//! Several images at a time, with results in order and within a bound of memory.
//!
//! Each image passes through four steps. Two of them, [`Work`], run on any thread; the two of
//! [`Desk`] run on the caller's thread, in the order of the images:
//!
//! ```text
//! Work::inspect -> Desk::place -> Work::write -> Desk::record
//! ```

use std::any::Any;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope};

/// Bytes that the images under way may take together. A single image may take more.
const BUDGET: u64 = 1 << 30;

/// Threads beside those that compute: they decode, and wait for the disk.
const FURTHER_THREADS: usize = 2;

/// The steps that run on any thread.
pub(super) trait Work: Sync {
    /// What an inspection gives.
    type Found: Send;
    /// What is to be written.
    type Unwritten: Send;
    /// What was written.
    type Written: Send;

    /// Bytes that an image takes while it is under way.
    fn bytes(&self, image: usize) -> u64;
    /// Reads and inspects an image.
    fn inspect(&self, image: usize) -> Self::Found;
    /// Writes the files of an image.
    fn write(&self, image: Self::Unwritten) -> Self::Written;
}

/// The steps on the caller's thread, in the order of the images.
pub(super) trait Desk<W: Work> {
    /// Whether a further image may be begun. After a no this is not asked again.
    fn may_begin(&mut self) -> bool;
    /// Decides what is written where.
    fn place(&mut self, image: usize, found: W::Found) -> W::Unwritten;
    /// Takes down what was written. After a break no image is begun and none is placed; those that are
    /// placed already are written and recorded, so that no file is left without a record.
    fn record(&mut self, image: usize, written: W::Written) -> ControlFlow<()>;
}

/// Takes the images numbered from 0 to `count` through all steps. On a thread of a rayon pool, or
/// where there is one thread for computing, they are taken one by one.
pub(super) fn run<W: Work>(count: usize, work: &W, desk: &mut impl Desk<W>) {
    let computing = rayon::current_num_threads();
    // A thread of a pool that waits here would be missing in the pool.
    if count < 2 || computing < 2 || rayon::current_thread_index().is_some() {
        return one_by_one(count, work, desk);
    }
    let threads = (computing + FURTHER_THREADS).min(count);
    side_by_side(count, threads, work, desk);
}

fn one_by_one<W: Work>(count: usize, work: &W, desk: &mut impl Desk<W>) {
    for image in 0..count {
        if !desk.may_begin() {
            return;
        }
        let unwritten = desk.place(image, work.inspect(image));
        if desk.record(image, work.write(unwritten)).is_break() {
            return;
        }
    }
}

fn side_by_side<W: Work>(count: usize, threads: usize, work: &W, desk: &mut impl Desk<W>) {
    let (jobs, queue) = mpsc::channel();
    let (reports, events) = mpsc::channel();
    let shared = Shared { work, queue: Mutex::new(queue), ended: AtomicBool::new(false) };
    thread::scope(|scope| {
        let started = (0..threads).filter(|_| start(scope, &shared, reports.clone())).count();
        drop(reports);
        if started == 0 {
            return one_by_one(count, work, desk);
        }
        let end = EndOnDrop(&shared.ended);
        let mut line = Line { end, jobs, under_way: HashMap::new(), bytes: 0, begun: 0 };
        line.run(count, 2 * started, work, desk, &events);
    });
}

/// Something for a worker to do.
enum Job<W: Work> {
    Inspect(usize),
    Write(usize, W::Unwritten),
}

/// What a worker has done.
enum Event<W: Work> {
    Found(usize, W::Found),
    Written(usize, W::Written),
    Panicked(Box<dyn Any + Send>),
}

/// What the workers share.
struct Shared<'a, W: Work> {
    work: &'a W,
    queue: Mutex<Receiver<Job<W>>>,
    /// Images that still wait for their inspection are dropped.
    ended: AtomicBool,
}

/// Also where the caller's steps panic.
struct EndOnDrop<'a>(&'a AtomicBool);

impl EndOnDrop<'_> {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.set();
    }
}

/// Starts a worker; false where the system gives no thread.
fn start<'scope, W: Work>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'scope Shared<'_, W>,
    reports: Sender<Event<W>>,
) -> bool {
    let work = move || {
        while let Some(job) = shared.next() {
            let done = panic::catch_unwind(AssertUnwindSafe(|| shared.perform(job)));
            if let Some(event) = done.unwrap_or_else(|payload| Some(Event::Panicked(payload)))
                && reports.send(event).is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new().name("images".into()).spawn_scoped(scope, work).is_ok()
}

impl<W: Work> Shared<'_, W> {
    fn next(&self) -> Option<Job<W>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    fn perform(&self, job: Job<W>) -> Option<Event<W>> {
        match job {
            Job::Inspect(_) if self.ended.load(Ordering::Relaxed) => None,
            Job::Inspect(image) => Some(Event::Found(image, self.work.inspect(image))),
            Job::Write(image, unwritten) => Some(Event::Written(image, self.work.write(unwritten))),
        }
    }
}

/// An image between its first and its last step.
enum UnderWay<W: Work> {
    AtWork,
    Found(W::Found),
    Written(W::Written),
}

/// The images under way, as the caller's thread knows them.
struct Line<'a, W: Work> {
    // The first field, so that workers find no image to inspect when the jobs end.
    end: EndOnDrop<'a>,
    jobs: Sender<Job<W>>,
    /// By number, with the bytes that each takes.
    under_way: HashMap<usize, (u64, UnderWay<W>)>,
    /// Sum over those that hold their image.
    bytes: u64,
    /// The next image to begin.
    begun: usize,
}

impl<W: Work> Line<'_, W> {
    fn run(
        &mut self,
        count: usize,
        most: usize,
        work: &W,
        desk: &mut impl Desk<W>,
        events: &Receiver<Event<W>>,
    ) {
        let (mut placed, mut recorded, mut may_begin) = (0, 0, true);
        let mut waiting = None;
        loop {
            while may_begin && self.begun < count && self.under_way.len() < most {
                let bytes = *waiting.get_or_insert_with(|| work.bytes(self.begun));
                if self.bytes > 0 && self.bytes.saturating_add(bytes) > BUDGET {
                    break;
                }
                may_begin = desk.may_begin();
                if may_begin {
                    waiting = None;
                    self.begin(bytes);
                }
            }
            if self.under_way.is_empty() || (self.end.is_set() && recorded == placed) {
                return;
            }
            // Workers end after the sender only, so that there is always a next event.
            let Ok(event) = events.recv() else { return };
            self.note(event);
            while !self.end.is_set()
                && let Some(found) = self.found(placed)
            {
                let unwritten = desk.place(placed, found);
                _ = self.jobs.send(Job::Write(placed, unwritten));
                placed += 1;
            }
            while let Some(written) = self.written(recorded) {
                if desk.record(recorded, written).is_break() {
                    may_begin = false;
                    self.end.set();
                }
                recorded += 1;
            }
        }
    }

    fn begin(&mut self, bytes: u64) {
        self.under_way.insert(self.begun, (bytes, UnderWay::AtWork));
        self.bytes += bytes;
        _ = self.jobs.send(Job::Inspect(self.begun));
        self.begun += 1;
    }

    fn note(&mut self, event: Event<W>) {
        let (image, state) = match event {
            Event::Found(image, found) => (image, UnderWay::Found(found)),
            Event::Written(image, written) => (image, UnderWay::Written(written)),
            Event::Panicked(payload) => panic::resume_unwind(payload),
        };
        let Some((bytes, held)) = self.under_way.get_mut(&image) else { return };
        if matches!(state, UnderWay::Written(_)) {
            self.bytes -= std::mem::take(bytes);
        }
        *held = state;
    }

    /// What the inspection of this image gave, once.
    fn found(&mut self, image: usize) -> Option<W::Found> {
        let (_, state) = self.under_way.get_mut(&image)?;
        match std::mem::replace(state, UnderWay::AtWork) {
            UnderWay::Found(found) => Some(found),
            other => {
                *state = other;
                None
            }
        }
    }

    /// What was written of this image, which then is no longer under way.
    fn written(&mut self, image: usize) -> Option<W::Written> {
        self.under_way.get(&image).filter(|(_, state)| matches!(state, UnderWay::Written(_)))?;
        match self.under_way.remove(&image) {
            Some((_, UnderWay::Written(written))) => Some(written),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use super::*;

    /// Images of given sizes whose steps take times that differ.
    struct Trial {
        sizes: Vec<u64>,
        now: AtomicU64,
        most: AtomicU64,
    }

    impl Trial {
        fn of(sizes: Vec<u64>) -> Self {
            Self { sizes, now: AtomicU64::new(0), most: AtomicU64::new(0) }
        }
    }

    impl Work for Trial {
        type Found = usize;
        type Unwritten = usize;
        type Written = usize;

        fn bytes(&self, image: usize) -> u64 {
            self.sizes[image]
        }

        fn inspect(&self, image: usize) -> usize {
            let now = self.now.fetch_add(self.sizes[image], Ordering::SeqCst) + self.sizes[image];
            self.most.fetch_max(now, Ordering::SeqCst);
            thread::sleep(Duration::from_micros(37 * (image as u64 * 7 % 11)));
            image
        }

        fn write(&self, image: usize) -> usize {
            thread::sleep(Duration::from_micros(53 * (image as u64 * 5 % 7)));
            self.now.fetch_sub(self.sizes[image], Ordering::SeqCst);
            image
        }
    }

    #[derive(Default)]
    struct Order {
        begun: usize,
        most: usize,
        placed: Vec<usize>,
        recorded: Vec<usize>,
        breaks_at: Option<usize>,
    }

    impl Desk<Trial> for Order {
        fn may_begin(&mut self) -> bool {
            self.begun += 1;
            self.begun <= self.most
        }

        fn place(&mut self, image: usize, found: usize) -> usize {
            assert_eq!(image, found);
            self.placed.push(image);
            found
        }

        fn record(&mut self, image: usize, written: usize) -> ControlFlow<()> {
            assert_eq!(image, written);
            self.recorded.push(image);
            if self.breaks_at == Some(image) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    fn in_order(count: usize) -> Vec<usize> {
        (0..count).collect()
    }

    #[test]
    fn images_are_placed_and_recorded_in_order() {
        let mut desk = Order { most: usize::MAX, ..Order::default() };
        side_by_side(100, 4, &Trial::of(vec![1; 100]), &mut desk);
        assert_eq!((desk.placed, desk.recorded), (in_order(100), in_order(100)));
    }

    #[test]
    fn what_is_begun_is_recorded_after_a_request_to_stop() {
        let mut desk = Order { most: 10, ..Order::default() };
        side_by_side(100, 4, &Trial::of(vec![1; 100]), &mut desk);
        assert_eq!((desk.begun, desk.recorded), (11, in_order(10)));
    }

    #[test]
    fn after_a_break_what_is_placed_is_recorded() {
        let mut desk = Order { most: usize::MAX, breaks_at: Some(6), ..Order::default() };
        side_by_side(100, 4, &Trial::of(vec![1; 100]), &mut desk);
        assert!((7..7 + 8).contains(&desk.placed.len()), "{:?}", desk.placed);
        assert_eq!(desk.recorded, desk.placed);
    }

    #[test]
    fn the_memory_has_a_bound_and_a_large_image_is_alone() {
        let sizes: Vec<u64> = (0..60).map(|i| if i % 20 == 7 { 2 * BUDGET } else { BUDGET / 3 }).collect();
        let trial = Trial::of(sizes);
        side_by_side(60, 8, &trial, &mut Order { most: usize::MAX, ..Order::default() });
        assert_eq!(trial.most.load(Ordering::SeqCst), 2 * BUDGET);
    }

    #[test]
    fn a_panic_of_a_worker_is_that_of_the_caller() {
        struct Faulty;
        impl Work for Faulty {
            type Found = ();
            type Unwritten = ();
            type Written = ();
            fn bytes(&self, _: usize) -> u64 {
                0
            }
            fn inspect(&self, image: usize) {
                assert!(image < 5, "image 5");
            }
            fn write(&self, (): ()) {}
        }
        struct Idle;
        impl Desk<Faulty> for Idle {
            fn may_begin(&mut self) -> bool {
                true
            }
            fn place(&mut self, _: usize, (): ()) {}
            fn record(&mut self, _: usize, (): ()) -> ControlFlow<()> {
                ControlFlow::Continue(())
            }
        }
        let result = panic::catch_unwind(|| side_by_side(50, 3, &Faulty, &mut Idle));
        assert!(result.is_err());
    }
}
