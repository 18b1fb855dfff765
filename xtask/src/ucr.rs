//! `cargo xtask ucr`: TS2Vec by its authors' protocol on the UCR archive, beside 1-NN-DTW and raw statistics.
//!
//! Each set is a folder with `<name>_TRAIN.tsv` and `<name>_TEST.tsv`. TS2Vec is trained on the series of TRAIN for the
//! authors' number of steps, features are the maximum over time of the whole series, and a logistic regression on all
//! labels of TRAIN (its strength chosen by held-out rows of TRAIN) is scored on TEST. The authors fit an SVM with an RBF
//! kernel instead, whose strength they choose by cross-validation on TRAIN.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use comfy_table::{Table, presets};
use manabi::{
    core::{
        data::{DataSpec, Source, Split},
        eval::{
            self, Features,
            linear::{LinearProbe, ProbeOptions},
            metrics::accuracy,
        },
        method,
        modality::Modality,
        nn::Params,
        train::{Quiet, Setup, TrainConfig, Trainer},
    },
    series::{SeriesConfig, SeriesModality, method::ts2vec, series::Series},
};

mod dtw;

/// Arguments of `ucr`.
#[derive(clap::Args)]
pub struct Args {
    /// The folder with a folder for each set.
    data: PathBuf,
    /// Sets to run; all that the folder has, by default.
    #[arg(long = "set")]
    sets: Vec<String>,
    /// Repetitions with seeds 0, 1, …
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Leave 1-NN-DTW out.
    #[arg(long)]
    no_dtw: bool,
}

/// One set of the archive.
struct Set {
    source: Box<dyn Source<Series>>,
    train: Vec<usize>,
    test: Vec<usize>,
}

impl Set {
    fn open(folder: &Path, config: &SeriesConfig) -> Result<Self> {
        let source = SeriesModality::open(&DataSpec::new(folder), config)?;
        let part = |split| (0..source.len()).filter(|&row| source.records()[row].split == Some(split)).collect();
        let (train, test): (Vec<usize>, Vec<usize>) = (part(Split::Train), part(Split::Test));
        ensure!(!train.is_empty() && !test.is_empty(), "{}: no TRAIN and TEST files", folder.display());
        Ok(Self { source, train, test })
    }

    fn labels(&self, rows: &[usize]) -> Result<Vec<u32>> {
        let label = |&row: &usize| self.source.records()[row].label.context("a series without a class");
        rows.iter().map(label).collect()
    }

    /// Accuracy on TEST of a logistic regression on TRAIN.
    fn probe(&self, features: &dyn Fn(&[usize]) -> Result<Features>, seed: u64) -> Result<f64> {
        let options = ProbeOptions { seed, ..ProbeOptions::default() };
        let probe = LinearProbe::fit_select(&features(&self.train)?, &self.labels(&self.train)?, None, &options)?;
        Ok(accuracy(&self.labels(&self.test)?, &probe.predict(&features(&self.test)?)?)?)
    }
}

/// What one seed gave.
struct Scores {
    random: f64,
    ts2vec: f64,
    seconds: f64,
}

/// Runs the sets and prints a table in Markdown.
pub fn run(args: &Args) -> Result<()> {
    manabi::kernels::memory::tune_allocator();
    manabi::kernels::memory::quiet_candle_threads();
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["set", "train/test", "steps", "s", "raw", "random", "DTW", "TS2Vec (range)"]);
    let mut sums = [0.0; 3];
    let mut count = 0.0;
    for name in names(args)? {
        let config = SeriesConfig { encoder: "dilated".into(), ..SeriesConfig::default() };
        let set = Set::open(&args.data.join(&name), &config)?;
        let modality = SeriesModality::fit(&config, set.source.as_ref(), &set.train)?;
        let raw = set.probe(&|rows| Ok(eval::raw(&modality, set.source.as_ref(), rows)?), 0)?;
        let values = set.train.len() * modality.length() * modality.channels();
        let steps = ts2vec::iterations(values);
        let scores: Vec<Scores> =
            (0..args.seeds).map(|seed| trained(&set, &modality, steps, seed)).collect::<Result<_>>()?;
        let dtw = if args.no_dtw {
            f64::NAN
        } else {
            dtw::one_nearest(
                &set.series(&set.train)?,
                &set.labels(&set.train)?,
                &set.series(&set.test)?,
                &set.labels(&set.test)?,
            )
        };
        let mean = |of: fn(&Scores) -> f64| scores.iter().map(of).sum::<f64>() / scores.len().max(1) as f64;
        let (low, high) = scores.iter().fold((1f64, 0f64), |(l, h), s| (l.min(s.ts2vec), h.max(s.ts2vec)));
        let p = |x: f64| if x.is_nan() { "–".to_string() } else { format!("{:.1}", 100.0 * x) };
        table.add_row([
            name.clone(),
            format!("{}/{}", set.train.len(), set.test.len()),
            steps.to_string(),
            format!("{:.1}", mean(|s| s.seconds)),
            p(raw),
            p(mean(|s| s.random)),
            p(dtw),
            format!("{} ({}–{})", p(mean(|s| s.ts2vec)), p(low), p(high)),
        ]);
        eprintln!(
            "{name}: raw {} random {} DTW {} TS2Vec {}",
            p(raw),
            p(mean(|s| s.random)),
            p(dtw),
            p(mean(|s| s.ts2vec))
        );
        for (sum, value) in sums.iter_mut().zip([raw, dtw, mean(|s| s.ts2vec)]) {
            *sum += value;
        }
        count += 1.0;
    }
    println!("{table}");
    let [raw, dtw, ours] = sums.map(|sum| 100.0 * sum / count);
    println!("mean: raw {raw:.1}, DTW {dtw:.1}, TS2Vec {ours:.1}");
    Ok(())
}

impl Set {
    /// The first channel of each row.
    fn series(&self, rows: &[usize]) -> Result<Vec<Vec<f32>>> {
        let of = |&row: &usize| {
            let series = self.source.load(row)?;
            Ok(series.rows().next().context("a series without a channel")?.to_vec())
        };
        rows.iter().map(of).collect()
    }
}

/// TS2Vec on TRAIN, and the same encoder with random weights.
fn trained(set: &Set, modality: &SeriesModality, steps: u64, seed: u64) -> Result<Scores> {
    let config = TrainConfig { steps: Some(steps), seed, monitor_every: 0, ..TrainConfig::default() };
    let setup =
        Setup::new(modality, set.source.as_ref(), &set.train, method::find::<SeriesModality>("ts2vec")?, config);
    let mut trainer = Trainer::new(setup)?;
    let params = Params::new(seed, &candle_core::Device::Cpu);
    let encoder = modality.encoder(&params)?;
    let score = || {
        set.probe(&|rows| Ok(eval::embed(modality, set.source.as_ref(), encoder.as_ref(), rows, &mut |_| {})?), seed)
    };
    let random = score()?;
    let start = Instant::now();
    trainer.run(&mut Quiet)?;
    let seconds = start.elapsed().as_secs_f64();
    params.load(&trainer.encoder_weights()?)?;
    Ok(Scores { random, ts2vec: score()?, seconds })
}

/// The sets that were asked for, or all folders.
fn names(args: &Args) -> Result<Vec<String>> {
    if !args.sets.is_empty() {
        return Ok(args.sets.clone());
    }
    let list = std::fs::read_dir(&args.data).with_context(|| args.data.display().to_string())?;
    let folders = list.filter_map(|entry| entry.ok().filter(|e| e.path().is_dir()));
    let mut names: Vec<String> = folders.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}
