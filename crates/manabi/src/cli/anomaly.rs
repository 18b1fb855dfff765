//! Arguments of `manabi anomaly`.

use std::path::PathBuf;

use clap::Args;

use super::{DataArgs, duration};

/// Arguments of `anomaly`.
#[derive(Clone, Debug, Args)]
pub struct AnomalyArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// The run whose encoder is used; without one only raw features and an untrained encoder are.
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// The class of normal samples; by default the one called normal, good, ok, free or healthy.
    #[arg(long, value_name = "CLASS")]
    pub normal: Option<String>,
    /// The score that samples are flagged by, as the table names it; by default run/knn, without a run raw/knn.
    #[arg(long, value_name = "NAME")]
    pub score: Option<String>,
    /// The CSV `id,score,flagged`; by default `anomaly.csv` in the run's folder, without a run none.
    #[arg(long, value_name = "CSV")]
    pub out: Option<PathBuf>,
    /// Replace an existing file.
    #[arg(long)]
    pub overwrite: bool,
    /// Time for the encoders; fewer normal samples are fitted on where it does not suffice.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub budget: Option<std::time::Duration>,
    /// The seed of split, folds and resamples where there is no run; a run brings its own.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}
