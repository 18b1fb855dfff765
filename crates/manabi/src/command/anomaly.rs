//! `manabi anomaly`: how unlike the normal samples each other one is, and whether the encoder helps to see it.

use anyhow::{Result, bail};
use manabi_core::{
    method::{self, Overrides},
    modality::Modality,
    train::{CheckpointStore, Files, write_atomic},
};
use manabi_pilot::{
    report::text::wrap,
    study::{self, AnomalyConfig, AnomalyReport, Masked, Parts, Run, ScoreRow},
};

use super::{
    COLUMNS, Global,
    data::table,
    resolve,
    trained::{Opened, Trained},
};
use crate::cli::AnomalyArgs;

/// Runs the verb.
pub fn run<M: Modality>(args: &AnomalyArgs, global: Global) -> Result<()> {
    let out = args.out.clone().or_else(|| args.run.as_ref().map(|run| run.join("anomaly.csv")));
    if let Some(out) = out.as_deref().filter(|out| out.exists() && !args.overwrite) {
        bail!("{} exists; replace it with --overwrite, or name another --out", out.display());
    }
    let spec = resolve::spec(&args.data)?;
    let trained = args.run.as_deref().map(Trained::<M>::read).transpose()?;
    let seed = trained.as_ref().map_or(Ok(args.seed), |trained| trained.config.train().map(|train| train.seed))?;
    let (source, modality): Opened<M> = match &trained {
        Some(trained) => trained.open(&spec)?,
        None => {
            let source = M::open(&spec, &M::Config::default())?;
            let rows = Parts::of(source.records(), seed)?.train;
            let modality = M::fit(&M::Config::default(), source.as_ref(), &rows)?;
            (source, modality)
        }
    };
    global.remark(source.notes());
    let mut notes = Vec::new();
    let run = trained.zip(args.run.as_deref()).map(|(trained, folder)| -> Result<Run<M>> {
        let masked = masked(&trained, folder, &mut notes)?;
        Ok(Run { weights: trained.weights, masked })
    });
    let run = run.transpose()?;
    let config = AnomalyConfig {
        dataset: resolve::short_name(&spec.path),
        normal: args.normal.clone(),
        score: args.score.clone(),
        budget: args.budget,
        seed,
    };
    let mut report = study::anomaly(&modality, source.as_ref(), run.as_ref(), &config, &mut |line| global.say(line))?;
    report.notes.append(&mut notes);
    if let Some(out) = &out {
        write_atomic(out, &csv(&report)?)?;
    }
    if global.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    print(&report);
    match &out {
        Some(out) => println!("\n{}", out.display()),
        None => println!("\nWrite the scores of all rows to a file with --out CSV."),
    }
    Ok(())
}

/// Methods whose loss is the error at hidden tokens of a row, whatever stands beside it. SimMTM's is not: it rebuilds a row
/// from its neighbours.
const BY_ROW: [&str; 4] = ["masked", "mae", "best-rq", "ssast"];

/// The run's pretext task, where that is masked prediction and its last checkpoint is still there.
fn masked<M: Modality>(
    trained: &Trained<M>,
    folder: &std::path::Path,
    notes: &mut Vec<String>,
) -> Result<Option<Masked<M>>> {
    let method = method::find::<M>(&trained.config.method)?;
    if !BY_ROW.contains(&method.name) {
        return Ok(None);
    }
    let found = CheckpointStore::new(folder.join("checkpoints"), Files::default()).latest();
    let Ok(Some(found)) = found else {
        notes.push("The run has no usable checkpoint, so its masked prediction cannot be asked.".into());
        return Ok(None);
    };
    let mut parts = found.checkpoint.parts;
    Ok(Some(Masked {
        method,
        overrides: Overrides(trained.config.settings.clone()),
        seed: trained.config.train()?.seed,
        samples: trained.card.samples,
        parameters: parts.remove("model").unwrap_or_default(),
        state: parts.remove("method").unwrap_or_default(),
    }))
}

/// `id,score,flagged` of the scored rows, in the order of the dataset.
fn csv(report: &AnomalyReport) -> Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["id", "score", "flagged"])?;
    for row in &report.scores {
        csv.write_record([row.id.as_str(), &row.score.to_string(), if row.flagged { "true" } else { "false" }])?;
    }
    csv.into_inner().map_err(|e| anyhow::anyhow!("{e}"))
}

fn print(report: &AnomalyReport) {
    let class = report.normal.as_ref().map_or(String::new(), |class| format!(" of class {class}"));
    let events = report.rows.iter().find_map(|row| Some(row.quality.as_ref()?.event_count)).unwrap_or_default();
    let anomalies = report.anomalies.map_or(String::new(), |n| format!(", {n} of them anomalies in {events} events"));
    let counted =
        format!("fitted on {} normal rows{class}; scored {} rows{anomalies}", report.normal_rows, report.scored_rows);
    println!("{}\n\n{}\n", wrap(&counted, COLUMNS, 2), rows(report));
    for note in &report.notes {
        println!("{}", wrap(&format!("note: {note}"), COLUMNS, 2));
    }
    println!("{}", wrap(&report.verdict, COLUMNS, 0));
}

/// The scores as a table.
fn rows(report: &AnomalyReport) -> comfy_table::Table {
    if report.anomalies.is_none() {
        let mut list = table(&["score", "threshold", "flagged"]);
        for row in &report.rows {
            list.add_row([row.name.clone(), format!("{:.4}", row.threshold), row.flagged.to_string()]);
        }
        return list;
    }
    let mut list = table(&["score", "AUROC", "95 %", "AUPRC", "95 %", "F1", "event\nF1", "false\nalarms"]);
    for row in &report.rows {
        list.add_row(cells(row));
    }
    list
}

fn cells(row: &ScoreRow) -> [String; 8] {
    let none = || "–".to_string();
    let Some(quality) = &row.quality else { return std::array::from_fn(|_| none()) };
    let mean = |e: Option<study::Estimate>| e.map_or(none(), |e| format!("{:.3}", e.mean));
    // Without the 0 before the point, as two intervals must stand in 80 columns.
    let short = |x: f64| format!("{x:.2}").trim_start_matches('0').to_string();
    let range = |e: Option<study::Estimate>| e.map_or(none(), |e| format!("{}–{}", short(e.low), short(e.high)));
    let share = |x: Option<f64>| x.map_or(none(), |x| format!("{x:.2}"));
    let rate = quality.false_positive_rate.map_or(String::new(), |rate| format!(" ({:.1} %)", 100.0 * rate));
    [
        row.name.clone(),
        mean(quality.auroc),
        range(quality.auroc),
        mean(quality.auprc),
        range(quality.auprc),
        share(quality.points.f1),
        share(quality.events.f1),
        format!("{}{rate}", quality.false_alarms),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_a_terminal_with_the_longest_names_and_figures() {
        let area = study::Estimate { mean: 1.0, low: 0.123, high: 1.0 };
        let quality = study::Quality {
            auroc: Some(area),
            auprc: Some(area),
            false_alarms: 123,
            false_positive_rate: Some(1.0),
            ..study::Quality::default()
        };
        let row = ScoreRow { name: "random/mahalanobis".into(), quality: Some(quality), ..ScoreRow::default() };
        let report = AnomalyReport { rows: vec![row], anomalies: Some(1), ..AnomalyReport::default() };
        let text = rows(&report).to_string();
        assert!(
            text.contains("random/mahalanobis") && text.contains(".12–1.00") && text.contains("123 (100.0 %)"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
    }
}
