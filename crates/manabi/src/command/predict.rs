//! `manabi predict`: the classes of new samples, and the classifier's files.

use std::{collections::BTreeMap, io::Write, path::Path};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use manabi_core::{
    eval::classifier::{Classifier, best},
    modality::Modality,
    train::{RunDir, write_atomic},
};
use serde::{Deserialize, Serialize};

use super::{Global, resolve};
use crate::cli::PredictArgs;

const CARD: &str = "classifier.json";
const WEIGHTS: &str = "classifier.safetensors";

/// What one must know to use a classifier's weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Layout of these files.
    pub manabi_format: u32,
    /// The fixed word of the modality.
    pub modality: String,
    /// Class names, in the order of the scores.
    pub classes: Vec<String>,
    /// The modality's resolved settings.
    pub settings: serde_json::Value,
    /// Labels that it was trained on.
    pub labels: usize,
    /// The metric of `test_score`.
    pub metric: String,
    /// Its score on the samples that were held back, 0 to 1.
    pub test_score: Option<f64>,
    /// BLAKE3 of the weights.
    pub weights: String,
}

impl Card {
    /// Writes weights and card into a run folder.
    pub fn write(mut self, folder: &RunDir, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        let bytes = manabi_core::train::tensors_to_bytes(&folder.path().join(WEIGHTS), tensors)?;
        self.weights = blake3::hash(&bytes).to_hex().to_string();
        folder.write(WEIGHTS, &bytes)?;
        folder.write(CARD, &serde_json::to_vec_pretty(&self)?)?;
        Ok(())
    }

    /// Reads both back and checks the weights.
    pub fn read(folder: &Path) -> Result<(Self, BTreeMap<String, Tensor>)> {
        let path = folder.join(CARD);
        if !path.is_file() {
            bail!("{}: there is no {CARD} here; train a classifier with manabi finetune first", folder.display());
        }
        let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let card: Self =
            serde_json::from_slice(&text).with_context(|| format!("{} is not a classifier's card", path.display()))?;
        let weights = folder.join(WEIGHTS);
        let bytes = std::fs::read(&weights).with_context(|| format!("cannot read {}", weights.display()))?;
        if blake3::hash(&bytes).to_hex().to_string() != card.weights {
            bail!("{}: the file is damaged or of another classifier; train it again", weights.display());
        }
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?.into_iter().collect();
        Ok((card, tensors))
    }
}

/// Runs the verb.
pub fn run<M: Modality>(args: &PredictArgs, _global: Global) -> Result<()> {
    if let Some(out) = args.out.as_deref().filter(|out| out.exists() && !args.overwrite) {
        bail!("{} exists; replace it with --overwrite, or name another --out", out.display());
    }
    let (card, tensors) = Card::read(&args.model)?;
    if card.modality != M::NAME {
        bail!("{}: this classifier is for {}, but the data is {}", args.model.display(), card.modality, M::NAME);
    }
    let settings: M::Config = serde_json::from_value(card.settings.clone())?;
    let source = M::open(&resolve::spec(&args.data)?, &settings)?;
    let rows: Vec<usize> = (0..source.len()).collect();
    let modality = M::fit(&settings, source.as_ref(), &rows)?;
    let classifier = Classifier::from_tensors(&modality, &tensors)?;
    let probabilities = classifier.probabilities(source.as_ref(), &rows)?;
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["id", "label", "probability"])?;
    for (record, row) in source.records().iter().zip(probabilities.chunks_exact(card.classes.len().max(1))) {
        let class = best(row);
        csv.write_record([&record.id, &card.classes[class], &format!("{:.4}", row[class])])?;
    }
    let bytes = csv.into_inner().map_err(|e| anyhow::anyhow!("{e}"))?;
    match &args.out {
        Some(out) => {
            write_atomic(out, &bytes)?;
            println!("{} predictions in {}", source.len(), out.display());
        }
        // Not by `print!`, which panics where the reader has enough (`manabi predict … | head`).
        None => std::io::stdout().lock().write_all(&bytes)?,
    }
    for skipped in source.skipped() {
        eprintln!("skipped {}: {}", skipped.id, skipped.reason);
    }
    Ok(())
}
