//! `manabi finetune`: a classifier from a pre-trained encoder and all labels, for `manabi predict`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use manabi_core::{
    eval::{
        classifier::{self, Job},
        metrics::Metric,
        recipe::Recipe,
    },
    modality::Modality,
    train::{Existing, RunDir, observer},
};
use manabi_pilot::study::Parts;

use super::{Global, resolve, trained::Trained};
use crate::{cli::FinetuneArgs, command::predict::Card};

/// Runs the verb.
pub fn run<M: Modality>(args: &FinetuneArgs, global: Global) -> Result<()> {
    let spec = resolve::spec(&args.data)?;
    let trained = Trained::<M>::read(&args.run)?;
    let (source, modality) = trained.open(&spec)?;
    let parts = Parts::of(source.records(), trained.config.train()?.seed)?;
    let (rows, labels) = parts.labelled(source.records());
    manabi_core::data::check_classes(source.classes(), &source.labels())?;
    if rows.len() < 2 {
        bail!("{}: {} labelled samples to train on; at least 2 are needed", spec.path.display(), rows.len());
    }
    let out = args.out.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-classifier", args.run.display())));
    let folder = RunDir::open(&out, if args.out.overwrite { Existing::Overwrite } else { Existing::Refuse })?;
    let metric = {
        let mut counts = vec![0usize; source.classes().len()];
        labels.iter().for_each(|&l| counts[l as usize] += 1);
        counts.retain(|c| *c > 0);
        Metric::pick(&counts)
    };
    let job = Job {
        modality: &modality,
        source: source.as_ref(),
        rows: &rows,
        encoder: Some(&trained.weights),
        recipe: Recipe::for_labels(rows.len()).scored_by(metric),
        seed: args.seed,
        compute: trained.config.compute(&args.compute)?,
    };
    let (fitted, tensors) = classifier::fit(&job, observer(global.quiet).as_mut())?;
    let tested: Vec<u32> = parts.test.iter().filter_map(|&i| source.records()[i].label).collect();
    let score = match tested.is_empty() {
        true => None,
        false => Some(metric.score(&tested, &fitted.predict(source.as_ref(), &parts.test)?)?),
    };
    let card = Card {
        manabi_format: 1,
        modality: M::NAME.into(),
        classes: source.classes().to_vec(),
        settings: serde_json::to_value(modality.config())?,
        labels: rows.len(),
        metric: metric.name().into(),
        test_score: score,
        weights: String::new(),
    };
    card.write(&folder, &tensors)?;
    match score {
        Some(score) => println!(
            "trained on {} labels; {} on {} held-back samples: {:.1} %",
            rows.len(),
            metric.name(),
            tested.len(),
            100.0 * score
        ),
        None => println!("trained on {} labels; no labelled samples were held back to test it on", rows.len()),
    }
    println!("The classifier is in {}; use it with: manabi predict NEW_DATA --model {}", out.display(), out.display());
    Ok(())
}
