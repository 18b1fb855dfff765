//! Our side of `cargo xtask peers`: one case, timed when asked.
//!
//! `peers CASE` prints `ready` after warming up; each line with a number N on standard input runs the case N times and
//! prints the seconds of one run and the peak memory of the process in bytes. Threads come from `RAYON_NUM_THREADS`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{io::BufRead, time::Instant};

use candle_core::{Device, Tensor};
use manabi::pilot::study::peak_memory;

mod augment;
mod kernels;
mod loading;
mod steps;

/// One run of a case.
type Run = Box<dyn FnMut()>;

fn main() {
    manabi::kernels::memory::tune_allocator();
    manabi::kernels::memory::quiet_candle_threads();
    // Without a case this is a plain `cargo bench` (or `cargo test --benches`), which has nothing to compare with.
    let Some(case) = std::env::args().skip(1).find(|arg| !arg.starts_with('-')) else {
        return eprintln!("peers: run `cargo xtask peers`, which starts the other side too");
    };
    let cases = [kernels::case, steps::case, augment::case, loading::case];
    let Some(mut run) = cases.iter().find_map(|of| of(&case)) else {
        eprintln!("peers: there is no case {case}");
        std::process::exit(2);
    };
    (0..2).for_each(|_| run());
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let times: u32 = line.unwrap().trim().parse().unwrap();
        let start = Instant::now();
        (0..times).for_each(|_| run());
        println!("{} {}", start.elapsed().as_secs_f64() / f64::from(times), peak_memory().unwrap_or(0));
    }
}

/// Numbers without a pattern that a kernel could profit from.
fn values(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_vec(data, shape, &Device::Cpu).unwrap()
}
