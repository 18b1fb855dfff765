//! `cargo xtask bench`: the suites of `benches/suites`, through the public API.
//!
//! Every row of a suite is a study (`manabi_pilot::study::pilot`) with all its baselines; the
//! table shows the smallest label budget, `results.json` holds all rows of all studies.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use manabi::{modality::REGISTRY, pilot::study::StudyConfig};
use serde::Deserialize;

/// Arguments of `bench`.
#[derive(clap::Args)]
pub struct Args {
    /// The suite: a file of `benches/suites` without its ending.
    #[arg(long, default_value = "smoke")]
    suite: String,
    /// Only rows whose `modality/method` contains this.
    #[arg(long)]
    only: Option<String>,
    /// Where `results.json` goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    name: String,
    seeds: usize,
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    modality: String,
    data: String,
    method: String,
    seconds: u64,
}

/// Runs a suite.
pub fn run(args: &Args) -> Result<()> {
    manabi::kernels::memory::tune_allocator();
    manabi::kernels::memory::quiet_candle_threads();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../benches/suites").join(format!("{}.toml", args.suite));
    let text = std::fs::read_to_string(&path).with_context(|| format!("there is no suite {}", path.display()))?;
    let suite: Suite = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["data", "method", "labels", "representation", "mean", "95 % interval", "samples/s"]);
    let mut reports = Vec::new();
    for row in &suite.row {
        let name = format!("{}/{}", row.modality, row.method);
        if args.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        eprintln!("{name} on {} …", row.data);
        let Some(modality) = REGISTRY.iter().find(|m| m.name() == row.modality) else {
            bail!("{}: the suite names the modality {}, which is not known here", path.display(), row.modality);
        };
        let report = modality.study(row.data.as_ref(), study(row, suite.seeds))?;
        let smallest = report.rows.iter().map(|r| r.labels).min();
        for r in report.rows.iter().filter(|r| Some(r.labels) == smallest) {
            table.add_row([
                report.dataset.clone(),
                row.method.clone(),
                r.labels.to_string(),
                r.representation.name().to_string(),
                format!("{:.3}", r.mean),
                format!("{:.3} – {:.3}", r.low, r.high),
                report.cost.samples_per_second.map_or_else(String::new, |s| format!("{s:.0}")),
            ]);
        }
        reports.push(report);
    }
    println!("{table}");
    let out = args.out.join("results.json");
    let results = serde_json::json!({ "suite": suite.name, "reports": reports });
    manabi::core::train::Files::default().create_dir(&args.out)?;
    manabi::core::train::write_atomic(&out, &serde_json::to_vec_pretty(&results)?)?;
    println!("{}", out.display());
    Ok(())
}

fn study(row: &Row, seeds: usize) -> StudyConfig {
    let mut config = StudyConfig::new(&row.data);
    config.method.clone_from(&row.method);
    config.seeds = seeds;
    config.budget = Duration::from_secs(row.seconds);
    config.command = "cargo xtask bench".into();
    config
}
