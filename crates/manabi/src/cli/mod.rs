//! What can be typed: the command line's words, and nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod anomaly;
pub mod duration;
pub mod settings;

pub use anomaly::AnomalyArgs;

/// Self-supervised representation learning on the computer you already have.
///
/// Start with `manabi pilot DATA`: it says whether pre-training without labels pays on your data.
#[derive(Debug, Parser)]
#[command(name = "manabi", version, about, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Threads; by default all cores.
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Where tensors live.
    #[arg(long, global = true, default_value = "cpu", value_name = "cpu|cuda")]
    pub device: String,
    /// No progress, only results and warnings.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Results as JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Study whether self-supervision pays on DATA, and write report.html.
    ///
    /// Without DATA it runs on a small dataset that it draws itself, in under three minutes.
    Pilot(PilotArgs),
    /// Say what is in DATA: counts, sizes, duplicates, unreadable files, labels, what to run.
    Inspect(InspectArgs),
    /// Train an encoder without labels.
    Pretrain(PretrainArgs),
    /// Write the embeddings of DATA to a Parquet or .npy file.
    Embed(EmbedArgs),
    /// Compare a pre-trained encoder with the baselines at several label budgets.
    Evaluate(EvaluateArgs),
    /// Train a classifier from a pre-trained encoder and labels.
    Finetune(FinetuneArgs),
    /// Classify DATA with a fine-tuned model.
    Predict(PredictArgs),
    /// Score how unlike normal samples those of DATA are, beside what raw features and an untrained encoder say.
    Anomaly(AnomalyArgs),
    /// List the methods with their settings.
    Methods(MethodsArgs),
    /// List, fetch and verify the datasets that manabi knows.
    #[command(subcommand)]
    Data(DataCommand),
}

/// Where the data is.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// A folder (class subfolders are labels), a file, a manifest (CSV, JSONL), or a dataset's name.
    #[arg(value_name = "DATA")]
    pub data: Option<PathBuf>,
    /// A CSV `id,label[,group]`; `id` is the path relative to DATA.
    #[arg(long, value_name = "CSV")]
    pub labels: Option<PathBuf>,
    /// The kind of data, where it should not be detected.
    #[arg(long, value_name = "NAME")]
    pub modality: Option<String>,
    /// Largest share of unreadable files that is skipped rather than fatal.
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    pub max_bad: f64,
}

/// What to train and how.
#[derive(Clone, Debug, Args)]
pub struct MethodArgs {
    /// The method; `manabi methods` lists them.
    #[arg(long, value_name = "NAME")]
    pub method: Option<String>,
    /// The encoder; `manabi methods` lists them.
    #[arg(long, value_name = "NAME")]
    pub encoder: Option<String>,
    /// Start from a pre-trained encoder: a folder with config.json, model.safetensors and tokenizer.json (text).
    #[arg(long, value_name = "DIR")]
    pub init_from: Option<PathBuf>,
    /// Put marks in the place of e-mail addresses, phone and card numbers before anything sees them (text).
    #[arg(long)]
    pub redact: bool,
    /// The seed of everything random.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// A config.toml of an earlier run; the other options come on top.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How layers compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// A setting: `temperature=0.5` (method), `train.batch=128`, `data.size=64`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// How layers compute while they train.
#[derive(Clone, Debug, Args)]
pub struct ComputeArgs {
    /// Factors of matrix products in training: with bf16 they are rounded to 8 bits of mantissa, which is faster on processors
    /// with AVX512-BF16; weights, sums, norms and losses stay f32.
    #[arg(long, value_name = "f32|bf16", value_parser = ["f32", "bf16"], hide_possible_values = true)]
    pub precision: Option<String>,
    /// Compute the inside of blocks again in the backward pass instead of keeping it: less memory, more time.
    #[arg(long)]
    pub recompute: bool,
}

/// Where results go.
#[derive(Clone, Debug, Args)]
pub struct OutArgs {
    /// The run's folder; by default `runs/NAME`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run left there.
    #[arg(long)]
    pub overwrite: bool,
}

/// Arguments of `pilot`.
#[derive(Clone, Debug, Args)]
pub struct PilotArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// The method.
    #[command(flatten)]
    pub method: MethodArgs,
    /// The results.
    #[command(flatten)]
    pub out: OutArgs,
    /// Wall-clock time for everything: `90s`, `20m`, `2h`.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub budget: Option<std::time::Duration>,
    /// Label samples that are drawn for each budget.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub seeds: usize,
}

/// Arguments of `inspect`.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// Put marks in the place of e-mail addresses, phone and card numbers before anything is counted (text).
    #[arg(long)]
    pub redact: bool,
    /// A setting of the data: `data.rate=8000`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Arguments of `pretrain`.
#[derive(Clone, Debug, Args)]
pub struct PretrainArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// The method.
    #[command(flatten)]
    pub method: MethodArgs,
    /// The results.
    #[command(flatten)]
    pub out: OutArgs,
    /// Passes over the data.
    #[arg(long, value_name = "N", conflicts_with = "budget")]
    pub epochs: Option<f64>,
    /// Wall-clock time instead, which this machine measures out: `20m`.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub budget: Option<std::time::Duration>,
    /// Go on with the interrupted run in `--out`; ends in the same bytes as one without interruption.
    #[arg(long)]
    pub resume: bool,
}

/// Arguments of `embed`.
#[derive(Clone, Debug, Args)]
pub struct EmbedArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// The run whose encoder is used.
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// `.parquet` (id, label, split, vector) or `.npy` (vectors alone, ids beside it); by default in the run's folder.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace an existing file.
    #[arg(long)]
    pub overwrite: bool,
}

/// Arguments of `evaluate`.
#[derive(Clone, Debug, Args)]
pub struct EvaluateArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// The run whose encoder is evaluated.
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Label samples that are drawn for each budget.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub seeds: usize,
    /// How layers compute in the rows that train networks; what is not given is as in the run.
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Time for the rows that train networks; the largest budgets are left out beyond it.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub budget: Option<std::time::Duration>,
    /// Where the labels are numbers (remaining life in cycles): the score of the PHM08 challenge too, for C-MAPSS.
    #[arg(long)]
    pub nasa_score: bool,
}

/// Arguments of `finetune`.
#[derive(Clone, Debug, Args)]
pub struct FinetuneArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// The run whose encoder is the start.
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// The results.
    #[command(flatten)]
    pub out: OutArgs,
    /// How layers compute; what is not given is as in the run.
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// The seed.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

/// Arguments of `predict`.
#[derive(Clone, Debug, Args)]
pub struct PredictArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// The folder that `finetune` wrote.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// The CSV `id,label,probability`; standard output by default.
    #[arg(long, value_name = "CSV")]
    pub out: Option<PathBuf>,
    /// Replace an existing file.
    #[arg(long)]
    pub overwrite: bool,
}

/// Arguments of `methods`.
#[derive(Clone, Debug, Args)]
pub struct MethodsArgs {
    /// One method with all its settings.
    pub name: Option<String>,
}

/// The verbs of `data`.
#[derive(Clone, Debug, Subcommand)]
pub enum DataCommand {
    /// The datasets, their licences, and which are here.
    List,
    /// Download a dataset, or take it from a local mirror.
    Fetch {
        /// Its name.
        name: String,
        /// A folder with `<modality>/<name>.tar.gz`.
        #[arg(long, env = "MANABI_MIRROR", value_name = "DIR")]
        mirror: Option<PathBuf>,
        /// Fetch again.
        #[arg(long)]
        overwrite: bool,
    },
    /// Hash every file of a dataset again.
    Verify {
        /// Its name.
        name: String,
    },
}
