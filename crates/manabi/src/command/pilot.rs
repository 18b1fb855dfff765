//! `manabi pilot`: the main job, from data to a report that says whether self-supervision pays.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use manabi_core::{
    data::DataSpec,
    method::Overrides,
    modality::Modality,
    train::{Existing, RunDir, Signals, observer},
};
use manabi_pilot::{
    report,
    study::{self, Start, StudyConfig},
};

use super::{Global, evaluate::print_rows, resolve, run_config::RunConfig};
use crate::{
    cli::{PilotArgs, duration},
    modality::{AnyModality, REGISTRY},
};

/// Time for a dataset of the user's.
const BUDGET: Duration = Duration::from_secs(20 * 60);
/// Time for the dataset that manabi draws itself.
const DEMO_BUDGET: Duration = Duration::from_secs(150);
/// Its name.
const DEMO: &str = "synthetic";

/// The modality of the data; without data, the first that can draw its own.
pub fn modality(args: &PilotArgs) -> Result<&'static dyn AnyModality> {
    match (&args.data.data, &args.data.modality) {
        (None, Some(name)) => resolve::by_name(name),
        (None, None) => Ok(REGISTRY[0]),
        _ => resolve::modality(&args.data),
    }
}

/// Runs the verb.
pub fn run<M: Modality>(args: &PilotArgs, global: Global) -> Result<()> {
    let demo = args.data.data.is_none();
    let spec = if demo { DataSpec::new(DEMO) } else { resolve::spec(&args.data)? };
    let name = if demo { DEMO.to_string() } else { resolve::short_name(&spec.path) };
    let out = args.out.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(format!("pilot-{name}")));
    let mut config = RunConfig::from_args(&args.method)?;
    let train = config.train()?;
    let settings = config.modality::<M>()?;
    let budget = args.budget.unwrap_or(if demo { DEMO_BUDGET } else { BUDGET });
    // The folder is taken before any work is done, so that a refusal costs nothing.
    drop(RunDir::open(&out, if args.out.overwrite { Existing::Overwrite } else { Existing::Refuse })?);
    global.say(&format!("looking at {}", if demo { "the built-in dataset" } else { name.as_str() }));
    let source = M::open(&spec, &settings)?;
    config.settle_method::<M>(&settings, source.len());
    // Already now, so that `manabi evaluate` can go on from the encoder of a study that was interrupted.
    let resolved = RunConfig {
        modality: M::NAME.into(),
        dataset: args.data.data.clone().unwrap_or_else(|| DEMO.into()),
        labels: args.data.labels.clone(),
        ..config.clone()
    };
    manabi_core::train::write_atomic(&out.join("config.toml"), resolved.to_toml()?.as_bytes())?;
    global.say(&format!(
        "{} samples, {} classes, {} skipped; {} for everything",
        source.len(),
        source.classes().len(),
        source.skipped().len(),
        duration::show(budget)
    ));
    global.remark(source.notes());
    let mut study = StudyConfig::new(name);
    study.method.clone_from(&config.method);
    study.overrides = Overrides(config.settings.clone());
    study.budget = budget;
    study.seeds = args.seeds;
    study.seed = train.seed;
    study.train = train;
    study.run = Some(out.clone());
    study.command = std::env::args().collect::<Vec<_>>().join(" ");
    let signals = Signals::register()?;
    let encoder = config.encoder::<M>();
    let start = Start::<M> { settings, source: source.as_ref(), config: study, signals: Some(&signals), encoder };
    let mut observer = observer(global.quiet);
    let report = study::pilot(&start, observer.as_mut(), &mut |line| global.say(line))?;
    let written = report::write_report(&report, &out)?;
    if global.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    if !report.rows.is_empty() {
        print_rows(&report);
        println!();
    }
    println!("{}\n\n{}", report.verdict, written.html.display());
    Ok(())
}
