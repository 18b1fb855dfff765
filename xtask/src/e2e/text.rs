//! Texts: what starts from a public encoder.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{E2e, minilm};

impl E2e {
    /// Unpacks a dataset of texts into the scratch folder; false, with a message, where it is not there.
    fn unpacked(&self, data: &Path, name: &str) -> Result<bool> {
        let archive = data.join(format!("text/{name}.tar.gz"));
        if !archive.is_file() {
            println!("skipped: {} is not here", archive.display());
            return Ok(false);
        }
        let status = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&self.scratch).status()?;
        ensure!(status.success(), "{} cannot be unpacked", archive.display());
        Ok(true)
    }

    /// News with few labels: static embeddings, trained in a minute on the news alone, must be far better than words.
    pub(super) fn static_embeddings_pay_on_news(&self, data: &Path) -> Result<()> {
        if !self.unpacked(data, "ag_news_test")? {
            return Ok(());
        }
        self.run(&["pilot", "ag_news_test", "--budget", "2m", "--out", "news", "--quiet"])?;
        let report = self.report("news")?;
        let fewest = |representation: &str| {
            let rows = report["rows"].as_array().into_iter().flatten();
            rows.filter(|row| row["representation"] == representation)
                .find_map(|row| row["mean"].as_f64())
                .unwrap_or(0.0)
        };
        let (linear, raw, random) = (fewest("ssl-linear"), fewest("raw"), fewest("random"));
        println!("  ag_news_test: linear probe {linear:.3}, tf-idf {raw:.3}, random encoder {random:.3}");
        ensure!(
            linear > raw + 0.03 && linear > random + 0.1,
            "static embeddings of the news are worth no more than words"
        );
        Ok(())
    }

    /// A public model goes on training on a domain, is evaluated beside itself as it was, and embeds.
    pub(super) fn texts_start_from_a_public_encoder(&self, target: &Path, data: &Path) -> Result<()> {
        if !self.unpacked(data, "stsbenchmark")? {
            return Ok(());
        }
        let Some(model) = minilm::folder(target) else { return Ok(()) };
        // The same folder for the test of single embeddings; of the whole workspace, as it has been built already.
        let mut test = Command::new("cargo");
        test.args(["test", "--quiet", "--workspace", "--test", "minilm"]).env("MANABI_MINILM", &model);
        ensure!(test.status()?.success(), "embeddings of the public model differ from sentence-transformers'");
        let model = model.to_string_lossy().into_owned();
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
        // Embeddings are those of the weights after training, not of those that it began with.
        fs::write(self.scratch.join("few.txt"), "a plane is taking off\na man plays the flute\nthe cat sleeps\n")?;
        self.run(&[
            "pretrain",
            "stsbenchmark",
            "--init-from",
            &model,
            "--set",
            "train.steps=1",
            "--out",
            "begun",
            "--quiet",
        ])?;
        let few = |run: &str, out: &str| -> Result<Vec<u8>> {
            self.run(&["embed", "few.txt", "--modality", "text", "--run", run, "--out", out, "--quiet"])?;
            Ok(fs::read(self.scratch.join(out))?)
        };
        ensure!(few("begun", "begun.npy")? != few("continued", "continued.npy")?, "embed uses the weights of the run");
        let card: Value = serde_json::from_slice(&fs::read(self.scratch.join("continued/encoder/config.json"))?)?;
        ensure!(card["model_type"] == "bert" && card["hidden_size"] == 384, "other libraries can load what is written");
        Ok(())
    }
}
