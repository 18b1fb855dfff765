//! `manabi evaluate` where labels are numbers: root mean squared errors instead of shares that are right.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::Tensor;
use manabi_core::{modality::Modality, train::write_atomic};
use manabi_pilot::{
    report::text::wrap,
    study::{self, RegressionReport, Start},
};

use super::{COLUMNS, Global, data::table};
use crate::cli::EvaluateArgs;

/// Evaluates, prints, and leaves `regression.json` in the run's folder.
pub fn run<M: Modality>(
    start: &Start<M>,
    weights: &BTreeMap<String, Tensor>,
    args: &EvaluateArgs,
    global: Global,
) -> Result<()> {
    let report = study::regression(start, weights, args.nasa_score, &mut |line| global.say(line))?;
    let path = args.run.join("regression.json");
    let json = serde_json::to_string_pretty(&report)? + "\n";
    write_atomic(&path, json.as_bytes())?;
    if global.json {
        print!("{json}");
    } else {
        global.remark(&report.notes);
        println!("{}\n", rows(&report));
        report.verdict.lines().for_each(|line| println!("{}", wrap(line, COLUMNS, 2)));
        println!("\n{}", path.display());
    }
    Ok(())
}

/// The rows as a table.
fn rows(report: &RegressionReport) -> comfy_table::Table {
    let scored = report.rows.iter().any(|row| row.nasa_score.is_some());
    let mut header = vec![report.unit.as_str(), "labels", "features", "RMSE", "95 % interval", "MAE", "R²", "draws"];
    if scored {
        header.push("PHM08");
    }
    let mut list = table(&header);
    for row in &report.rows {
        let name = if row.representation == "ssl-linear" {
            format!("ssl ({})", row.method)
        } else {
            row.representation.clone()
        };
        let mut cells = vec![
            row.units.to_string(),
            row.labels.to_string(),
            name,
            number(row.rmse.mean),
            format!("{} – {}", number(row.rmse.low), number(row.rmse.high)),
            number(row.mae),
            row.r2.map_or("–".into(), |r2| format!("{r2:.3}")),
            row.draws.to_string(),
        ];
        if scored {
            cells.push(row.nasa_score.map_or("–".into(), number));
        }
        list.add_row(cells);
    }
    list
}

/// Four digits that count.
fn number(value: f64) -> String {
    let before = if value == 0.0 { 0 } else { value.abs().log10().floor().clamp(-6.0, 3.0) as i32 };
    format!("{value:.*}", usize::try_from(3 - before).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits_that_count() {
        assert_eq!(
            [0.0, 0.012_34, 3.0, 41.756, 123.4, 98_765.4].map(number),
            ["0.000", "0.01234", "3.000", "41.76", "123.4", "98765"]
        );
    }
}
