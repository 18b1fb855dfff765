//! Memory of a training step: the peak of the process, and the pages that the system maps anew in each step, with the
//! insides of blocks kept and computed again.
//!
//! `cargo bench --bench memory` prints one JSON line a case, each measured in a process of its own: the seconds and minor
//! page faults of the [`STEPS`] steps after [`WARM`] others, in order. A part of a case's name selects the cases.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{process::Command, time::Instant};

use candle_core::{Device, Tensor};
use manabi::pilot::study::{page_faults, peak_memory};

#[path = "../peers/steps.rs"]
mod steps;

type Run = Box<dyn FnMut()>;

const CASES: [&str; 3] = ["step/simclr-resnet18", "step/vit-tiny", "step/bert-4x256"];
/// Steps until the allocator has seen all sizes.
const WARM: usize = 3;
/// Steps that are measured.
const STEPS: usize = 10;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = args.iter().position(|a| a == "--measure") {
        return measure(&args[at + 1]);
    }
    let part = args.iter().find(|arg| !arg.starts_with('-')).cloned().unwrap_or_default();
    let both = |case: &str| [case.to_string(), format!("{case}-recompute")];
    for case in CASES.iter().flat_map(|case| both(case)).filter(|case| case.contains(&part)) {
        let me = std::env::current_exe().unwrap();
        let out = Command::new(me).args(["--measure", &case]).output().unwrap();
        print!("{}", String::from_utf8_lossy(&out.stdout));
        eprint!("{}", String::from_utf8_lossy(&out.stderr));
    }
}

fn measure(case: &str) {
    manabi::kernels::memory::tune_allocator();
    manabi::kernels::memory::quiet_candle_threads();
    let mut run = steps::case(case).unwrap();
    (0..WARM).for_each(|_| run());
    let steps = (0..STEPS).map(|_| {
        let (before, start) = (page_faults(), Instant::now());
        run();
        let seconds = (start.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        (seconds, page_faults().zip(before).map(|(after, before)| after - before))
    });
    let (seconds, faults): (Vec<f64>, Vec<Option<u64>>) = steps.unzip();
    let mut ordered = seconds.clone();
    ordered.sort_by(f64::total_cmp);
    println!(
        "{}",
        serde_json::json!({
            "case": case, "median_seconds": ordered[STEPS / 2], "seconds": seconds, "page_faults": faults,
            "peak_memory_mib": peak_memory().map(|bytes| bytes >> 20),
        })
    );
}

/// Numbers without a pattern that a kernel could profit from.
fn values(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_vec(data, shape, &Device::Cpu).unwrap()
}
