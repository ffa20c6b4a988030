//! The steps of an image, from its file to its verdict.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anoseg_image::{Limits, WriteError, decode};
use anoseg_infer::{Decision, Error, Model, Result};

use super::pipeline::{Desk, Work};
use super::stages::{Recorded, Unwritten, Written};
use super::{Inspected, Results, ResultsError, Sink, Step, Summary, Task, Verdict, inspect_file};

/// Bytes per pixel that an image under way takes at most: a decoder's 15, and what follows.
pub(super) const BYTES_PER_PIXEL: u64 = 15 + decode::BYTES_PER_PIXEL;

/// Bytes that an image takes; 0 where its header cannot be read, because then nothing is decoded.
pub(super) fn bytes(path: &Path, limits: &Limits) -> u64 {
    let pixels = decode::probe(path, limits).map_or(0, |(width, height)| width as u64 * height as u64);
    pixels.saturating_mul(BYTES_PER_PIXEL)
}

/// Images for sinks, which run on the caller's thread.
pub(super) struct ForSinks<'a> {
    pub(super) model: &'a Model,
    pub(super) paths: &'a [PathBuf],
    pub(super) limits: &'a Limits,
}

impl Work for ForSinks<'_> {
    type Found = Result<Inspected>;
    type Unwritten = Result<Decision>;
    type Written = Result<Decision>;

    fn bytes(&self, image: usize) -> u64 {
        bytes(&self.paths[image], self.limits)
    }

    fn inspect(&self, image: usize) -> Self::Found {
        inspect_file(self.model, &self.paths[image], self.limits)
    }

    fn write(&self, taken: Self::Unwritten) -> Self::Written {
        taken
    }
}

/// The sinks, and what is counted.
pub(super) struct Sinks<'a, 'b> {
    pub(super) sinks: &'a mut [&'b mut dyn Sink],
    pub(super) on_failure: &'a mut dyn FnMut(&Error),
    pub(super) summary: Summary,
}

impl Desk<ForSinks<'_>> for Sinks<'_, '_> {
    fn may_begin(&mut self) -> bool {
        true
    }

    fn place(&mut self, _: usize, found: Result<Inspected>) -> Result<Decision> {
        let taken = found.and_then(|inspected| {
            self.sinks.iter_mut().try_for_each(|sink| sink.take(&inspected))?;
            Ok(inspected.inspection.decision)
        });
        if let Err(error) = &taken {
            (self.on_failure)(error);
        }
        taken
    }

    fn record(&mut self, _: usize, taken: Result<Decision>) -> ControlFlow<()> {
        match taken {
            Ok(decision) => self.summary.count(decision),
            Err(error) => self.summary.failures.push(error),
        }
        ControlFlow::Continue(())
    }
}

/// Images whose results go into a folder.
pub(super) struct ForResults<'a> {
    pub(super) model: &'a Model,
    pub(super) tasks: &'a [Task],
    pub(super) limits: &'a Limits,
    /// Whether verdicts have the regions' pixels.
    pub(super) pixels: bool,
}

impl Work for ForResults<'_> {
    type Found = Result<(Verdict, Inspected)>;
    type Unwritten = Result<Unwritten>;
    type Written = Result<Written>;

    fn bytes(&self, image: usize) -> u64 {
        bytes(&self.tasks[image].path, self.limits)
    }

    fn inspect(&self, image: usize) -> Self::Found {
        let inspected = inspect_file(self.model, &self.tasks[image].path, self.limits)?;
        Ok((Verdict::of(&inspected, self.pixels), inspected))
    }

    fn write(&self, unwritten: Self::Unwritten) -> Self::Written {
        unwritten.map(Unwritten::write)
    }
}

/// The folder, and what is counted.
pub(super) struct Folder<'a> {
    pub(super) results: &'a mut Results,
    pub(super) tasks: &'a [Task],
    pub(super) stop: &'a dyn Fn() -> bool,
    pub(super) on_step: &'a mut dyn FnMut(&Step<'_>),
    pub(super) summary: &'a mut Summary,
}

impl Desk<ForResults<'_>> for Folder<'_> {
    fn may_begin(&mut self) -> bool {
        let stopped = (self.stop)();
        if stopped {
            self.summary.end = super::End::Stopped;
        }
        !stopped
    }

    fn place(&mut self, image: usize, found: Result<(Verdict, Inspected)>) -> Result<Unwritten> {
        found.map(|(verdict, inspected)| self.results.place(&self.tasks[image], verdict, inspected))
    }

    fn record(&mut self, image: usize, written: Result<Written>) -> ControlFlow<()> {
        let recorded = match written {
            Ok(written) => self.results.record(written).and_then(|Recorded { verdict, unwritten, stop }| {
                self.judged(&verdict, unwritten);
                stop.map_or(Ok(()), Err)
            }),
            Err(error) => self.results.add_failure(&self.tasks[image].path, &error).map(|()| {
                (self.on_step)(&Step::Failed(&error));
                self.summary.failures.push(error);
            }),
        };
        recorded.map_or_else(|error| self.failed(error), ControlFlow::Continue)
    }
}

impl Folder<'_> {
    fn judged(&mut self, verdict: &Verdict, unwritten: Vec<WriteError>) {
        verdict.decision.into_iter().for_each(|decision| self.summary.count(decision));
        (self.on_step)(&Step::Judged(verdict, &unwritten));
        self.summary.unwritten.extend(unwritten);
    }

    fn failed(&mut self, error: ResultsError) -> ControlFlow<()> {
        // The first reason is the one to report.
        if !matches!(self.summary.end, super::End::Failed(_)) {
            self.summary.end = super::End::Failed(error);
        }
        ControlFlow::Break(())
    }
}
