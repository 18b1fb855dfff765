//! `manabi pretrain`: an encoder without labels.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use manabi_core::{
    method::{self, Overrides},
    modality::Modality,
    train::{Existing, RunDir, Setup, Signals, TrainConfig, Trainer, observer},
};
use manabi_pilot::study::Parts;

use super::{Global, resolve, run_config::RunConfig};
use crate::{
    cli::{DataArgs, PretrainArgs, duration},
    modality::AnyModality,
};

/// Passes over the data where neither `--epochs` nor `--budget` says otherwise.
const EPOCHS: f64 = 20.0;

/// The modality of the data, or of the run that is resumed.
pub fn modality(args: &PretrainArgs) -> Result<&'static dyn AnyModality> {
    match (&args.data.data, resumed(args)?) {
        (None, Some(config)) => resolve::by_name(&config.modality),
        _ => resolve::modality(&args.data),
    }
}

/// The configuration of the run to be resumed.
fn resumed(args: &PretrainArgs) -> Result<Option<RunConfig>> {
    match (&args.out.out, args.resume) {
        (_, false) => Ok(None),
        (None, true) => bail!("--resume continues the run in --out DIR; say which"),
        // Nothing there yet: the same command starts and continues a run.
        (Some(out), true) if !out.join("config.toml").exists() => Ok(None),
        (Some(out), true) => RunConfig::read(out).map(Some),
    }
}

/// Runs the verb.
pub fn run<M: Modality>(args: &PretrainArgs, global: Global) -> Result<()> {
    let earlier = resumed(args)?;
    let going_on = earlier.is_some();
    let mut config = match earlier {
        Some(config) => config.resumed(&args.method.compute, args.out.out.as_deref().unwrap_or(Path::new("")))?,
        None => RunConfig::from_args(&args.method)?,
    };
    let data = match &args.data.data {
        Some(_) => args.data.clone(),
        None => DataArgs { data: Some(config.dataset.clone()), labels: config.labels.clone(), ..args.data.clone() },
    };
    let spec = resolve::spec(&data)?;
    let settings: M::Config = config.modality::<M>()?;
    let source = M::open(&spec, &settings)?;
    config.settle_method::<M>(&settings, source.len());
    global.remark(source.notes());
    let parts = Parts::of(source.records(), config.train()?.seed)?;
    let modality = M::fit(&settings, source.as_ref(), &parts.train)?;
    let out = args.out.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(resolve::short_name(&spec.path)));
    let existing = match (args.resume, args.out.overwrite) {
        (true, _) => Existing::Resume,
        (false, true) => Existing::Overwrite,
        (false, false) => Existing::Refuse,
    };
    let folder = RunDir::open(&out, existing)?;
    let signals = Signals::register()?;
    let mut train = config.train()?;
    let setup = |train: TrainConfig, run| -> Result<Setup<'_, M>> {
        let mut setup = Setup::new(&modality, source.as_ref(), &parts.train, method::find::<M>(&config.method)?, train);
        setup.overrides = Overrides(config.settings.clone());
        setup.run = run;
        Ok(setup)
    };
    if !going_on {
        if let Some(epochs) = args.epochs {
            train.epochs = epochs;
            train.steps = None;
        } else if let Some(budget) = args.budget {
            global.say("measuring this machine");
            let rate = Trainer::new(setup(TrainConfig { steps: Some(1000), ..train.clone() }, None)?)?.measure(5)?;
            let steps = (budget.as_secs_f64() / rate.seconds_per_step).floor().max(1.0) as u64;
            global.say(&format!(
                "{:.0} samples/s: {steps} steps in {}",
                rate.samples_per_second,
                duration::show(budget)
            ));
            train.steps = Some(steps);
        } else if !config.train.contains_key("epochs") && !config.train.contains_key("steps") {
            train.epochs = EPOCHS;
        }
    }
    let mut trainer = Trainer::new(setup(train, Some(&folder))?)?.with_signals(&signals);
    if !going_on {
        // What was resolved is what is repeated: `--config` on this file asks nothing of machine or data again.
        config.modality = M::NAME.into();
        config.dataset = data.data.clone().unwrap_or_default();
        config.labels.clone_from(&data.labels);
        config.train = toml::Table::try_from(trainer.config())?;
        config.data = toml::Table::try_from(modality.config())?;
        folder.write("config.toml", config.to_toml()?.as_bytes())?;
    }
    let mut observer = observer(global.quiet);
    if args.resume {
        let (step, ignored) = trainer.resume()?;
        ignored.iter().for_each(|sentence| observer.note(manabi_core::train::Level::Warning, sentence));
        if let Some(step) = step {
            global.say(&format!("going on at step {step} of {}", trainer.plan().steps));
        }
    }
    let summary = trainer.run(observer.as_mut())?;
    if global.json {
        let figures = serde_json::json!({
            "run": out, "steps": summary.steps, "epochs": summary.epochs, "seconds": summary.seconds, "loss": summary.loss,
            "skipped": summary.skipped.len(),
        });
        println!("{figures}");
    } else {
        println!(
            "{}\nThe run is in {}; see what it is worth with: manabi evaluate {} --run {}",
            summary.sentence(),
            out.display(),
            data.data.as_deref().unwrap_or(&spec.path).display(),
            out.display()
        );
    }
    Ok(())
}
