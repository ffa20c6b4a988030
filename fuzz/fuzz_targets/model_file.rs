//! Model files: any bytes give an error or a model. A corrupt file must not allocate more than its own size
//! suggests; libFuzzer's memory limit reports it where it does.
#![no_main]

use anoseg_infer::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Model::from_bytes(bytes);
});
