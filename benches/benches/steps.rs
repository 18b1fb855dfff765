//! Samples a second and peak memory of each method's training step, each in a process of its own.
//!
//! `cargo bench --bench steps`; prints one JSON line a method. Runs are kept under `benches/runs`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

use manabi::{
    core::{
        data::DataSpec,
        method,
        modality::Modality,
        train::{Setup, TrainConfig, Trainer},
    },
    image::{ImageConfig, ImageModality},
    pilot::study::peak_memory,
};

const METHODS: [(&str, &str); 8] = [
    ("simclr", "small"),
    ("byol", "small"),
    ("vicreg", "small"),
    ("swav", "small"),
    ("transformation", "small"),
    ("supervised", "small"),
    ("masked", "vit-tiny"),
    ("mae", "vit-tiny"),
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|a| a == "--measure") {
        return measure(&args[at + 1], &args[at + 2]);
    }
    for (name, encoder) in METHODS {
        let me = std::env::current_exe().unwrap();
        let out = Command::new(me).args(["--measure", name, encoder]).output().unwrap();
        print!("{}", String::from_utf8_lossy(&out.stdout));
        eprint!("{}", String::from_utf8_lossy(&out.stderr));
    }
}

fn measure(name: &str, encoder: &str) {
    manabi::kernels::memory::tune_allocator();
    manabi::kernels::memory::quiet_candle_threads();
    let config = ImageConfig { encoder: encoder.into(), ..ImageConfig::default() };
    let source = ImageModality::open(&DataSpec::new("synthetic"), &config).unwrap();
    let rows: Vec<usize> = (0..source.len()).collect();
    let modality = ImageModality::fit(&config, source.as_ref(), &rows).unwrap();
    let train = TrainConfig { steps: Some(1000), ..TrainConfig::default() };
    let setup = Setup::new(&modality, source.as_ref(), &rows, method::find::<ImageModality>(name).unwrap(), train);
    let rate = Trainer::new(setup).unwrap().measure(8).unwrap();
    let peak = peak_memory().map(|bytes| bytes >> 10);
    println!(
        "{}",
        serde_json::json!({
            "method": name, "encoder": encoder, "samples_per_second": rate.samples_per_second,
            "seconds_per_step": rate.seconds_per_step, "peak_memory_kib": peak,
        })
    );
}
