//! Files given as models are refused before they are read whole. The allocator counts for the whole process,
//! so that this file has a single test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs::File;
use std::io::Write as _;

use anoseg_infer::{Geometry, Model};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// A sparse file of 2 GB was once read whole before it was refused.
#[test]
fn a_large_file_that_is_no_model_is_refused_by_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.anoseg");
    let geometry = Geometry::Whole { width: 256, height: 256 };
    common::model(geometry, [0.9, 0.8, 0.7], |_, _| {}).save(&whole).unwrap();
    let model = std::fs::read(&whole).unwrap();
    let mut too_long = 1000u64.to_le_bytes().to_vec();
    too_long.extend(b"{\"__metadata__\":{");
    let starts = [&[][..], b"some text of the user", &too_long, &model];
    for (number, start) in starts.into_iter().enumerate() {
        let path = folder.path().join("large.anoseg");
        let mut file = File::create(&path).unwrap();
        file.write_all(start).unwrap();
        file.set_len(2 << 30).unwrap();
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let message = Model::load(&path).unwrap_err().to_string();
        let taken = ALLOCATOR.peak_usage() - before;
        assert!(taken < 2 << 20, "start {number}: {taken} bytes");
        assert!(message.contains("not a model") && message.contains("large.anoseg"), "{number}: {message}");
    }
    Model::load(&whole).unwrap();
}
