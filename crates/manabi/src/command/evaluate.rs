//! `manabi evaluate`: a pre-trained encoder beside the baselines, at several label budgets; [`super::regression`] does it
//! where labels are numbers, [`super::pairs`] where these numbers say how much two samples are alike.

use std::time::Duration;

use anyhow::{Result, bail};
use manabi_core::{data::Source, modality::Modality, nn::Compute};
use manabi_pilot::{
    report,
    study::{self, Start, StudyConfig},
};

use super::{Global, data::table, pairs, regression, resolve, trained::Trained};
use crate::cli::EvaluateArgs;

/// Time for the rows that train networks, where `--budget` does not say otherwise.
const BUDGET: Duration = Duration::from_secs(15 * 60);

/// Runs the verb.
pub fn run<M: Modality>(args: &EvaluateArgs, global: Global) -> Result<()> {
    let spec = resolve::spec(&args.data)?;
    let trained = Trained::<M>::read(&args.run)?;
    let source = M::open(&spec, &trained.settings)?;
    let (labelled, targets) = (source.records().iter().any(|r| r.label.is_some()), numbers(source.as_ref()));
    if !labelled && !targets {
        bail!("{}: there are no labels to evaluate with; give them with --labels CSV (id,label)", spec.path.display());
    }
    let mut config = StudyConfig::new(resolve::short_name(&spec.path));
    config.method.clone_from(&trained.config.method);
    config.seeds = args.seeds;
    config.seed = trained.config.train()?.seed;
    let Compute { precision, recompute } = trained.config.compute(&args.compute)?;
    (config.train.precision, config.train.recompute) = (precision, recompute);
    config.budget = args.budget.unwrap_or(BUDGET);
    config.command = std::env::args().collect::<Vec<_>>().join(" ");
    let encoder = trained.config.encoder::<M>();
    let start =
        Start::<M> { settings: trained.settings.clone(), source: source.as_ref(), config, signals: None, encoder };
    if !labelled {
        return if paired::<M>(source.as_ref()) {
            pairs::run(&start, &trained.weights, args, global)
        } else {
            regression::run(&start, &trained.weights, args, global)
        };
    }
    let report = study::evaluate(&start, &trained.weights, &mut |line| global.say(line))?;
    let path = report::write_evaluation(&report, &args.run)?;
    if global.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_rows(&report);
        println!("\n{}\n\n{}", report.verdict, path.display());
    }
    Ok(())
}

/// True if rows have numbers to be predicted.
fn numbers<S>(source: &dyn Source<S>) -> bool {
    source.records().iter().any(|r| r.target.is_some())
}

/// True if a number says how much two samples of a row are alike.
fn paired<M: Modality>(source: &dyn Source<M::Sample>) -> bool {
    let row = source.records().iter().position(|r| r.target.is_some());
    row.is_some_and(|row| source.load(row).is_ok_and(|sample| M::partner(&sample).is_some()))
}

/// The rows as a table.
pub fn print_rows(report: &report::Report) {
    let mut list = table(&["labels", "representation", "method", &report.metric, "95 % interval", "draws"]);
    for row in &report.rows {
        list.add_row([
            row.labels.to_string(),
            row.representation.name().to_string(),
            row.method.clone(),
            format!("{:.1} %", 100.0 * row.mean),
            format!("{:.1} – {:.1}", 100.0 * row.low, 100.0 * row.high),
            row.seeds.to_string(),
        ]);
    }
    println!("{list}");
}
