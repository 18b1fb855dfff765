//! `manabi embed`: vectors for search, clustering or another program.

use anyhow::{Context, Result, bail};
use manabi_core::{eval, modality::Modality, train::write_atomic};
use manabi_pilot::study::Parts;

use super::{Global, resolve, trained::Trained};
use crate::{
    cli::EmbedArgs,
    writer::{npy, parquet},
};

/// Runs the verb.
pub fn run<M: Modality>(args: &EmbedArgs, global: Global) -> Result<()> {
    let out = args.out.clone().unwrap_or_else(|| args.run.join("embeddings.parquet"));
    let kind = out.extension().and_then(|e| e.to_str()).unwrap_or_default().to_string();
    if !matches!(kind.as_str(), "parquet" | "npy") {
        bail!("--out {}: name a .parquet or a .npy file", out.display());
    }
    if out.exists() && !args.overwrite {
        bail!("{} exists; replace it with --overwrite, or name another --out", out.display());
    }
    let trained = Trained::<M>::read(&args.run)?;
    let (source, modality) = trained.open(&resolve::spec(&args.data)?)?;
    let encoder = modality.restore(&trained.weights)?;
    let rows: Vec<usize> = (0..source.len()).collect();
    let bar =
        if global.quiet { indicatif::ProgressBar::hidden() } else { indicatif::ProgressBar::new(rows.len() as u64) };
    let features =
        eval::embed(&modality, source.as_ref(), encoder.as_ref(), &rows, &mut |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let bytes = if kind == "npy" {
        npy::bytes(features.rows(), features.dim(), features.data())
    } else {
        let parts = Parts::of(source.records(), trained.config.train()?.seed)?;
        let tested: std::collections::BTreeSet<usize> = parts.test.iter().copied().collect();
        let describe = |i: usize| {
            let record = &source.records()[i];
            parquet::Row {
                id: record.id.clone(),
                label: record.label.and_then(|l| source.classes().get(l as usize).cloned()),
                split: Some(if tested.contains(&i) { "test" } else { "train" }.to_string()),
            }
        };
        parquet::bytes(&rows.iter().map(|&i| describe(i)).collect::<Vec<_>>(), features.dim(), features.data())?
    };
    write_atomic(&out, &bytes)?;
    if kind == "npy" {
        let ids: String = source.records().iter().map(|r| format!("{}\n", r.id)).collect();
        let path = out.with_extension("ids.txt");
        write_atomic(&path, ids.as_bytes()).with_context(|| path.display().to_string())?;
    }
    println!("{} embeddings of {} values in {}", features.rows(), features.dim(), out.display());
    Ok(())
}
