//! Names of streams, buckets and subjects.
//!
//! ```text
//! anoseg.work.<version>.<kind>.<job>.<number>     tasks that wait or are in work; workers take those of their version
//! anoseg.taken.<job>.<number>                     who had a task last
//! anoseg.done.<job>.<number>                      tasks that are done
//! anoseg.dead.<job>.<number>                      tasks that were given up, with the reason
//! ```

/// The stream of tasks.
pub(crate) const WORK: &str = "anoseg-work";
/// The stream that says which tasks were taken, and which are done.
pub(crate) const STATE: &str = "anoseg-state";
/// The stream of tasks that were given up.
pub(crate) const DEAD: &str = "anoseg-dead";
/// The bucket of models.
pub(crate) const MODELS: &str = "anoseg-models";
/// The bucket of jobs.
pub(crate) const JOBS: &str = "anoseg-jobs";

/// All tasks.
pub(crate) const WORK_SUBJECTS: &str = "anoseg.work.>";
/// All remarks on tasks.
pub(crate) const STATE_SUBJECTS: [&str; 2] = ["anoseg.taken.>", "anoseg.done.>"];
/// All tasks that were given up.
pub(crate) const DEAD_SUBJECTS: &str = "anoseg.dead.>";

/// What kind of work a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Images,
    Training,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Training => "training",
        }
    }

    /// The subject of a task for workers of this version.
    pub(crate) fn subject(self, job: &str, number: usize) -> String {
        format!("anoseg.work.{}.{}.{job}.{number}", version(), self.name())
    }

    /// The subjects of all tasks of this kind for workers of this version.
    pub(crate) fn all(self) -> String {
        format!("anoseg.work.{}.{}.>", version(), self.name())
    }

    /// The consumer that workers of this version share.
    pub(crate) fn consumer(self) -> String {
        format!("{}-{}", self.name(), version())
    }
}

/// What is said of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Taken,
    Done,
    Dead,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// The stream that has it.
    pub(crate) fn stream(self) -> &'static str {
        if self == Self::Dead { DEAD } else { STATE }
    }

    pub(crate) fn subject(self, job: &str, number: usize) -> String {
        format!("anoseg.{}.{job}.{number}", self.name())
    }

    /// The subjects of all tasks of a job.
    pub(crate) fn all(self, job: &str) -> String {
        format!("anoseg.{}.{job}.*", self.name())
    }
}

/// The subjects of all tasks of a job, whatever version and kind.
pub(crate) fn work_of(job: &str) -> String {
    format!("anoseg.work.*.*.{job}.*")
}

/// The number of the task that a subject is of.
pub(crate) fn number_in(subject: &str) -> Option<usize> {
    subject.rsplit('.').next()?.parse().ok()
}

/// The version of the program as one token of a subject.
fn version() -> String {
    env!("CARGO_PKG_VERSION").replace(['.', '+'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_which_task_it_is_of() {
        let job = "0f".repeat(16);
        let subject = Kind::Images.subject(&job, 312);
        assert_eq!(subject.split('.').count(), 6, "{subject}");
        assert!(subject.starts_with(Kind::Images.all().trim_end_matches('>')));
        assert_eq!(number_in(&subject), Some(312));
        assert_eq!(number_in(&Mark::Dead.subject(&job, 7)), Some(7));
        assert!(!Kind::Training.consumer().contains('.'), "no name of a consumer has a point");
    }
}
