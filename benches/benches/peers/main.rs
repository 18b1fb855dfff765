//! Our side of `cargo xtask peers`: one case, timed when asked.
//!
//! `peers CASE` prints `ready`, and what a run has to do where that is one kernel's work, after warming up; each line
//! with a number N on standard input runs the case N times and prints the seconds of one run, the peak memory of the
//! process in bytes, and the minor page faults of one run. Threads come from `RAYON_NUM_THREADS`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{io::BufRead, time::Instant};

use manabi::pilot::study::{page_faults, peak_memory};
use manabi_benches::{values, work::Work};

mod audio;
mod augment;
mod kernels;
mod loading;
mod losses;
mod peak;
mod series;
mod steps;
mod text;

/// One run of a case.
type Run = Box<dyn FnMut()>;

/// What is timed, and how much there is to do.
struct Case {
    run: Run,
    work: Work,
}

impl Case {
    fn new(work: Work, run: impl FnMut() + 'static) -> Self {
        Self { run: Box::new(run), work }
    }
}

fn main() {
    manabi::kernels::memory::tune_allocator();
    manabi::kernels::memory::quiet_candle_threads();
    // Without a case this is a plain `cargo bench` (or `cargo test --benches`), which has nothing to compare with.
    let Some(name) = std::env::args().skip(1).find(|arg| !arg.starts_with('-')) else {
        return eprintln!("peers: run `cargo xtask peers`, which starts the other side too");
    };
    let mixed = |of: fn(&str) -> Option<Run>| of(&name).map(|run| Case { run, work: Work::Mixed });
    let single = [kernels::case, losses::case, peak::case].iter().find_map(|of| of(&name));
    let found = single.or_else(|| {
        [steps::case, audio::case, series::case, text::case, augment::case, loading::case].into_iter().find_map(mixed)
    });
    let Some(Case { mut run, work }) = found else {
        eprintln!("peers: there is no case {name}");
        std::process::exit(2);
    };
    (0..2).for_each(|_| run());
    println!("{}", format!("ready {work}").trim_end());
    for line in std::io::stdin().lock().lines() {
        let times: u32 = line.unwrap().trim().parse().unwrap();
        let (before, start) = (page_faults().unwrap_or(0), Instant::now());
        (0..times).for_each(|_| run());
        let seconds = start.elapsed().as_secs_f64() / f64::from(times);
        let faults = (page_faults().unwrap_or(0) - before) / u64::from(times);
        println!("{seconds} {} {faults}", peak_memory().unwrap_or(0));
    }
}
