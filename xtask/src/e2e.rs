//! `cargo xtask e2e`: the command line as a user runs it, on generated and on real data.
//!
//! The binary is built in release; each check is a process of its own. What needs the real
//! datasets says so and passes where they are missing (`--data DIR`, by default `../shared/data`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

mod minilm;
mod text;

/// Arguments of `e2e`.
#[derive(clap::Args)]
pub struct Args {
    /// The folder with `<modality>/<name>.tar.gz`.
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
}

/// Runs every check.
pub fn run(args: &Args) -> Result<()> {
    let status = Command::new("cargo").args(["build", "--release", "--package", "manabi"]).status()?;
    ensure!(status.success(), "the release build failed");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let scratch = target.join("e2e");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    let e2e = E2e { manabi: fs::canonicalize(target.join("release/manabi"))?, scratch: fs::canonicalize(scratch)? };
    e2e.the_built_in_study_ends_in_a_report()?;
    e2e.an_interrupted_run_ends_in_the_same_bytes()?;
    e2e.every_verb_takes_what_the_one_before_left()?;
    e2e.bad_input_ends_in_a_sentence()?;
    e2e.every_modality_does_every_verb()?;
    e2e.static_embeddings_pay_on_news(&args.data)?;
    e2e.texts_start_from_a_public_encoder(&target, &args.data)?;
    for (archive, study) in REAL {
        let path = args.data.join(archive);
        if path.is_file() {
            e2e.ends_in_an_honest_report(&fs::canonicalize(&args.data)?, &study)?;
        } else {
            println!("skipped: {} is not here", path.display());
        }
    }
    println!("{} passed, 0 failed", 7 + REAL.len());
    Ok(())
}

/// A short study of a real dataset.
struct Study {
    name: &'static str,
    method: &'static str,
    budget: &'static str,
    /// Whether that holds with the fewest labels, where pre-training is worth most; with all of them otherwise.
    fewest: bool,
    /// By how much the linear probe is to beat that on a random encoder, where it is known to.
    margin: Option<f64>,
}

// Vibration cut by position is told apart by plain statistics: there the report is to say so.
const REAL: [(&str, Study); 3] = [
    (
        "image/fashion-mnist.tar.gz",
        Study { name: "fashion-mnist", method: "simclr", budget: "4m", fewest: false, margin: Some(0.005) },
    ),
    ("audio/fsdd.tar.gz", Study { name: "fsdd", method: "simclr", budget: "3m", fewest: true, margin: Some(0.02) }),
    (
        "series/cwru-12k-de-load0.tar.gz",
        Study { name: "cwru-12k-de-load0", method: "simclr", budget: "2m", fewest: false, margin: None },
    ),
];

struct E2e {
    manabi: PathBuf,
    scratch: PathBuf,
}

impl E2e {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.manabi);
        command
            .args(args)
            .current_dir(&self.scratch)
            .stdin(Stdio::null())
            .env("MANABI_DATA", self.scratch.join("store"));
        command
    }

    fn run(&self, args: &[&str]) -> Result<String> {
        println!("$ manabi {}", args.join(" "));
        let out = self.command(args).output().context("cannot start manabi")?;
        let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        ensure!(out.status.success(), "manabi {} failed: {stderr}", args.join(" "));
        Ok(stdout.into_owned())
    }

    fn start(&self, args: &[&str]) -> Result<Child> {
        println!("$ manabi {} &", args.join(" "));
        Ok(self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    fn the_built_in_study_ends_in_a_report(&self) -> Result<()> {
        let verdict = self.run(&["pilot", "--budget", "90s", "--out", "built-in", "--quiet"])?;
        println!("{verdict}");
        let html = fs::read_to_string(self.scratch.join("built-in/report.html"))?;
        ensure!(html.contains("<svg") && !html.contains("http://"), "the report holds its own pictures");
        let report = self.report("built-in")?;
        ensure!(report["monitor"]["health"] == "healthy", "pre-training learned: {}", report["monitor"]["message"]);
        Ok(())
    }

    /// SIGTERM and SIGKILL in mid-epoch, twice, against a run that was left alone.
    fn an_interrupted_run_ends_in_the_same_bytes(&self) -> Result<()> {
        let base = [
            "pretrain",
            "synthetic",
            "--modality",
            "image",
            "--quiet",
            "--set",
            "train.steps=60",
            "--set",
            "train.checkpoint_steps=7",
        ];
        let with = |out: &'static str, resume: bool| -> Vec<&'static str> {
            let mut args = base.to_vec();
            args.extend(["--out", out]);
            if resume {
                args.push("--resume");
            }
            args
        };
        self.run(&with("whole", false))?;
        for signal in ["TERM", "KILL", "TERM", "KILL"] {
            let mut child = self.start(&with("broken", true))?;
            let before = self.newest("broken");
            // A checkpoint of this process shows that it is at work.
            while child.try_wait()?.is_none() && self.newest("broken") <= before {
                std::thread::yield_now();
            }
            Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status()?;
            let status = child.wait()?;
            println!("  {signal}: {status}, newest checkpoint {}", self.newest("broken"));
        }
        self.run(&with("broken", true))?;
        for file in ["encoder/model.safetensors", "metrics.jsonl"] {
            let read = |run: &str| fs::read(self.scratch.join(run).join(file)).with_context(|| format!("{run}/{file}"));
            ensure!(read("whole")? == read("broken")?, "{file} differs after interruptions");
        }
        Ok(())
    }

    /// The step of the newest complete checkpoint; 0 if there is none.
    fn newest(&self, run: &str) -> u64 {
        let Ok(entries) = fs::read_dir(self.scratch.join(run).join("checkpoints")) else { return 0 };
        let step = |name: String| name.strip_prefix("step-")?.parse::<u64>().ok();
        entries.flatten().filter_map(|e| step(e.file_name().to_string_lossy().into_owned())).max().unwrap_or(0)
    }

    /// The run that the interruptions were compared with goes on to embeddings, an evaluation, a classifier and its
    /// predictions.
    fn every_verb_takes_what_the_one_before_left(&self) -> Result<()> {
        let data = ["synthetic", "--modality", "image"];
        let run = |verb: &str, more: &[&str]| self.run(&[&[verb], &data[..], &["--quiet"], more].concat());
        run("inspect", &[])?;
        run("embed", &["--run", "whole", "--out", "whole.parquet"])?;
        run("embed", &["--run", "whole", "--out", "whole.npy"])?;
        let npy = fs::read(self.scratch.join("whole.npy"))?;
        ensure!(
            npy.starts_with(b"\x93NUMPY") && self.scratch.join("whole.parquet").is_file(),
            "embeddings are written"
        );
        let evaluation: Value =
            serde_json::from_str(&run("evaluate", &["--run", "whole", "--budget", "30s", "--json"])?)?;
        ensure!(evaluation["rows"].as_array().is_some_and(|rows| rows.len() > 8), "the evaluation has its rows");
        run("finetune", &["--run", "whole", "--out", "classifier"])?;
        let predictions = run("predict", &["--model", "classifier"])?;
        println!("  {} lines of predictions", predictions.lines().count());
        ensure!(predictions.starts_with("id,label,probability\n"), "predictions are a CSV");
        ensure!(predictions.lines().count() > 1000, "every picture has a prediction");
        Ok(())
    }

    fn bad_input_ends_in_a_sentence(&self) -> Result<()> {
        let dir = self.scratch.join("bad");
        fs::create_dir_all(dir.join("empty"))?;
        fs::create_dir_all(dir.join("one/only"))?;
        fs::write(dir.join("one/only/broken.jpg"), b"\xff\xd8\xff\xe0 no picture")?;
        fs::write(dir.join("labels.csv"), "id,label\nmissing.png,cat\n")?;
        fs::write(dir.join("rows.csv"), "path,label\n\"unclosed,cat\n")?;
        for args in [
            vec!["inspect", "bad/empty"],
            vec!["inspect", "bad/nowhere"],
            vec!["pilot", "bad/one", "--out", "bad/run1"],
            vec!["inspect", "bad/rows.csv"],
            vec!["inspect", "bad/one", "--labels", "bad/labels.csv"],
            vec!["pilot", "synthetic", "--modality", "image", "--out", "built-in"],
            vec!["predict", "bad/one", "--model", "bad/none", "--modality", "image"],
        ] {
            let out = self.command(&args).output()?;
            let stderr = String::from_utf8_lossy(&out.stderr);
            println!("$ manabi {}\n  {}", args.join(" "), stderr.trim());
            ensure!(out.status.code() == Some(1), "manabi {} ended with {}", args.join(" "), out.status);
            if stderr.contains("panicked") {
                bail!("manabi {} panicked: {stderr}", args.join(" "));
            }
        }
        Ok(())
    }

    /// Recordings, series and texts that manabi draws itself, from the inventory to predictions.
    fn every_modality_does_every_verb(&self) -> Result<()> {
        for data in ["synthetic-audio", "synthetic-series", "synthetic-text"] {
            let run = |verb: &str, more: &[&str]| self.run(&[&[verb, data, "--quiet"], more].concat());
            let (out, classifier) = (format!("{data}-run"), format!("{data}-classifier"));
            run("inspect", &[])?;
            run("pretrain", &["--set", "train.steps=20", "--out", &out])?;
            run("embed", &["--run", &out])?;
            run("evaluate", &["--run", &out, "--budget", "10s"])?;
            run("finetune", &["--run", &out, "--out", &classifier])?;
            let predictions = run("predict", &["--model", &classifier])?;
            ensure!(predictions.starts_with("id,label,probability\n"), "predictions of {data} are a CSV");
        }
        Ok(())
    }

    fn ends_in_an_honest_report(&self, mirror: &Path, study: &Study) -> Result<()> {
        let Study { name, method, budget, fewest, margin } = study;
        self.run(&["data", "fetch", name, "--mirror", &mirror.to_string_lossy(), "--quiet"])?;
        self.run(&["pilot", name, "--method", method, "--budget", budget, "--out", name, "--quiet"])?;
        let report = self.report(name)?;
        let score = |representation: &str| {
            let rows = report["rows"].as_array().into_iter().flatten();
            let of = rows.filter(|r| r["representation"] == representation);
            let mut means = of.filter_map(|r| Some((r["labels"].as_u64()?, r["mean"].as_f64()?))).collect::<Vec<_>>();
            means.sort_unstable_by_key(|(labels, _)| *labels);
            let chosen = if *fewest { means.first() } else { means.last() };
            chosen.map_or(0.0, |(_, mean)| *mean)
        };
        let (linear, random) = (score("ssl-linear"), score("random"));
        println!("  {name}: linear probe {linear:.3}, random encoder {random:.3}");
        ensure!(linear > 0.0 && score("raw") > 0.0, "{name}: the report has its rows");
        let Some(margin) = margin else { return Ok(()) };
        ensure!(
            linear > random + margin,
            "{name}: the pre-trained encoder ({linear:.3}) must beat a random one ({random:.3})"
        );
        Ok(())
    }

    fn report(&self, run: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.scratch.join(run).join("report.json"))?)?)
    }
}
