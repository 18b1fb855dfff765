//! `manabi evaluate` on pairs with a score: how close cosines come to what people said, and how well partners are found.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::Tensor;
use manabi_core::{modality::Modality, train::write_atomic};
use manabi_pilot::{
    report::text::wrap,
    study::{self, PairsReport, Start},
};

use super::{COLUMNS, Global, data::table};
use crate::cli::EvaluateArgs;

/// Evaluates, prints, and leaves `pairs.json` in the run's folder.
pub fn run<M: Modality>(
    start: &Start<M>,
    weights: &BTreeMap<String, Tensor>,
    args: &EvaluateArgs,
    global: Global,
) -> Result<()> {
    let report = study::pairs(start, weights, &mut |line| global.say(line))?;
    let path = args.run.join("pairs.json");
    let json = serde_json::to_string_pretty(&report)? + "\n";
    write_atomic(&path, json.as_bytes())?;
    if global.json {
        print!("{json}");
    } else {
        global.remark(&report.notes);
        println!("{}\n", rows(&report));
        println!("{}", wrap(&remark(&report), COLUMNS, 2));
        println!("{}\n\n{}", wrap(&report.verdict, COLUMNS, 2), path.display());
    }
    Ok(())
}

/// The rows as a table.
fn rows(report: &PairsReport) -> comfy_table::Table {
    let mut list = table(&["features", "Spearman", "95 %", "Pearson", "recall@1", "@10", "MRR", "nDCG@10"]);
    let number = |value: Option<f64>| value.map_or("–".to_string(), |value| format!("{value:.3}"));
    for row in &report.rows {
        let name = match row.representation.as_str() {
            "ssl" => format!("ssl ({})", row.method),
            other => other.to_string(),
        };
        let search = row.search.as_ref();
        list.add_row([
            name,
            number(row.spearman.map(|s| s.mean)),
            row.spearman.map_or("–".into(), |s| format!("{:.3}–{:.3}", s.low, s.high)),
            number(row.pearson),
            number(search.map(|s| s.recall_at_1)),
            number(search.map(|s| s.recall_at_10)),
            number(search.map(|s| s.mrr)),
            number(search.map(|s| s.ndcg_at_10)),
        ]);
    }
    list
}

/// What was asked.
fn remark(report: &PairsReport) -> String {
    let queries = report.rows.iter().find_map(|row| row.search.as_ref()).map_or(0, |s| s.queries);
    format!(
        "{} test pairs. Of the {queries} scored {:.1} or more, the partner was looked for among all second members.",
        report.test_pairs, report.alike_from
    )
}
