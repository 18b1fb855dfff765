//! Texts: what starts from a public encoder.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{E2e, minilm};

impl E2e {
    /// A public model goes on training on a domain, is evaluated beside itself as it was, and embeds.
    pub(super) fn texts_start_from_a_public_encoder(&self, target: &Path, data: &Path) -> Result<()> {
        let archive = data.join("text/stsbenchmark.tar.gz");
        if !archive.is_file() {
            println!("skipped: {} is not here", archive.display());
            return Ok(());
        }
        let Some(model) = minilm::folder(target) else { return Ok(()) };
        // The same folder for the test of single embeddings, which is built already.
        let mut test = Command::new("cargo");
        test.args(["test", "--quiet", "--package", "manabi-text", "--test", "minilm"]).env("MANABI_MINILM", &model);
        ensure!(test.status()?.success(), "embeddings of the public model differ from sentence-transformers'");
        let (mirror, model) = (fs::canonicalize(data)?, model.to_string_lossy().into_owned());
        self.run(&["data", "fetch", "stsbenchmark", "--mirror", &mirror.to_string_lossy(), "--quiet"])?;
        let set = ["--set", "train.steps=10", "--out", "continued", "--quiet"];
        self.run(&[&["pretrain", "stsbenchmark", "--init-from", &model][..], &set].concat())?;
        self.run(&["embed", "stsbenchmark", "--run", "continued", "--quiet"])?;
        let found: Value = serde_json::from_str(&self.run(&[
            "evaluate",
            "stsbenchmark",
            "--run",
            "continued",
            "--quiet",
            "--json",
        ])?)?;
        let rho = |representation: &str| {
            let mut rows = found["rows"].as_array().into_iter().flatten();
            rows.find(|row| row["representation"] == representation)?["spearman"]["mean"].as_f64()
        };
        println!(
            "  Spearman: raw {:?}, random {:?}, given {:?}, continued {:?}",
            rho("raw"),
            rho("random"),
            rho("given"),
            rho("ssl")
        );
        // What sentence-transformers reaches with the same weights on the same 1 379 pairs.
        ensure!(
            rho("given").is_some_and(|rho| (rho - 0.8203).abs() < 5e-4),
            "the public model is computed as published"
        );
        ensure!(rho("ssl").is_some_and(|rho| rho > 0.7), "ten steps do not spoil it");
        let card: Value = serde_json::from_slice(&fs::read(self.scratch.join("continued/encoder/config.json"))?)?;
        ensure!(card["model_type"] == "bert" && card["hidden_size"] == 384, "other libraries can load what is written");
        Ok(())
    }
}
