//! The parts of the report that are not figures: what the data holds, what the monitor saw, what was run.

use std::collections::BTreeSet;

use manabi_core::{
    data::{ALIKE, Record, Source},
    eval::{knn::Knn, metrics::Metric},
    method,
    modality::Modality,
    train::{Summary, Verdict},
};

use super::{config::StudyConfig, labelled::Labelled, parts::Parts, recorder::Recorder};
use crate::report::{ClassCount, Health, Inventory, MethodInfo, Monitor, Setting, Skipped, Split};

/// Skipped files that the report lists.
const LISTED: usize = 50;

/// What the data holds and how it was split.
pub fn inventory<S>(source: &dyn Source<S>, parts: &Parts) -> Inventory {
    let records = source.records();
    let mut counts = vec![0usize; source.classes().len()];
    records.iter().filter_map(|r| r.label).for_each(|l| counts[l as usize] += 1);
    let labelled = counts.iter().sum();
    let grouped = || records.iter().filter_map(|r| r.group.as_deref());
    let alike = grouped().filter(|g| g.starts_with(ALIKE)).count();
    let groups: BTreeSet<&str> = grouped().filter(|g| !g.starts_with(ALIKE)).collect();
    let grouped = match (groups.is_empty(), alike) {
        (false, _) => "; no group stands on both sides",
        (true, 0) => "",
        (true, _) => "; near-duplicates stand on one side",
    };
    let description = if parts.test.is_empty() {
        "without labels everything is for pre-training; nothing is held back".to_string()
    } else if parts.official {
        format!("the test part that the data or its settings name{grouped}")
    } else {
        let share =
            100.0 * parts.test.len() as f64 / (parts.test.len() + labelled_for_training(records, parts)).max(1) as f64;
        format!("{share:.0} % of the labelled samples held back, stratified by class{grouped}")
    };
    let test_groups: BTreeSet<&str> = parts.test.iter().filter_map(|&i| records[i].group.as_deref()).collect();
    // Sets of near-duplicates are many, and nobody asks about the next one.
    let named = test_groups.iter().any(|group| !group.starts_with(ALIKE));
    let dropped = match parts.dropped {
        0 => String::new(),
        n => format!("; {n} training samples of tested groups left out"),
    };
    Inventory {
        samples: records.len(),
        labelled,
        unlabelled: records.len() - labelled,
        classes: source
            .classes()
            .iter()
            .zip(counts)
            .enumerate()
            .map(|(label, (name, count))| ClassCount {
                name: name.clone(),
                count,
                distinct: distinct(records, |r| r.label == Some(label as u32)),
            })
            .collect(),
        split: Split {
            official: parts.official,
            description: format!("{description}{dropped}"),
            train: parts.train.len(),
            validation: 0,
            test: parts.test.len(),
            test_groups: named.then_some(test_groups.len()),
        },
        group_column: (!groups.is_empty()).then(|| "group".to_string()),
        groups: (!groups.is_empty()).then_some(groups.len()),
        near_duplicates: (alike > 0).then_some(alike),
        distinct: distinct(records, |_| true),
        skipped: source
            .skipped()
            .iter()
            .take(LISTED)
            .map(|s| Skipped { path: s.id.clone(), reason: s.reason.clone() })
            .collect(),
        skipped_total: source.skipped().len(),
    }
}

/// Labelled samples on the training side.
fn labelled_for_training(records: &[Record], parts: &Parts) -> usize {
    parts.train.iter().filter(|&&i| records[i].label.is_some() || records[i].target.is_some()).count()
}

/// Groups among some records, those without one counted singly; nothing where no record has a group.
fn distinct(records: &[Record], of: impl Fn(&Record) -> bool) -> Option<usize> {
    let groups: BTreeSet<&str> = records.iter().filter(|r| of(r)).filter_map(|r| r.group.as_deref()).collect();
    let alone = records.iter().filter(|r| of(r) && r.group.is_none()).count();
    records.iter().any(|r| r.group.is_some()).then_some(groups.len() + alone)
}

/// Whether pre-training learned.
pub fn monitor(recorder: &Recorder, summary: &Summary, dim: usize) -> Monitor {
    let verdict = recorder.health.map(|h| h.verdict);
    let rank = recorder.health.map_or(0.0, |h| h.effective_rank);
    let (first, last) = (summary.history.first().map(|h| h.1), summary.loss);
    let (health, message) = match verdict {
        None => (Health::Unknown, "the features were not looked at".to_string()),
        Some(Verdict::NotFinite) => (Health::Diverged, "the features became infinite or not a number".into()),
        Some(Verdict::Constant) => {
            (Health::Collapsed, format!("all samples got nearly the same features (effective rank {rank:.1} of {dim})"))
        }
        Some(Verdict::OneDimensional) => (
            Health::Collapsed,
            format!("the features vary along one direction only (effective rank {rank:.1} of {dim})"),
        ),
        Some(Verdict::Healthy) if summary.diverging => {
            (Health::Diverged, format!("the loss ended at {last:.3}, far above where it began"))
        }
        Some(Verdict::Healthy) => match first {
            Some(first) if last >= first || last.is_nan() => {
                (Health::NotLearning, format!("the loss did not fall: {first:.3} at first, {last:.3} at last"))
            }
            Some(first) => (
                Health::Healthy,
                format!(
                    "the loss fell from {first:.3} to {last:.3} and the features use {rank:.0} of {dim} directions"
                ),
            ),
            None => (Health::Healthy, format!("the features use {rank:.0} of {dim} directions")),
        },
    };
    Monitor { health, message, feature_dim: Some(dim), curve: recorder.curve.clone() }
}

/// What was run.
pub fn method_info<M: Modality>(
    config: &StudyConfig,
    encoder: &str,
    settings: &[(String, String)],
    metric: Metric,
    data: &Labelled,
) -> MethodInfo {
    let entry = method::find::<M>(&config.method).ok();
    let setting = |name: &str, value: String| Setting { name: name.into(), value };
    let knn = Knn::default();
    let evaluation = vec![
        setting("metric", metric.name().to_string()),
        setting("kNN", format!("cosine, k = {} (all labelled rows where there are fewer), T = {}", knn.k, knn.temperature)),
        setting("linear probe", "multinomial logistic regression on standardised features, L-BFGS; strength by the log-probability of held-out rows among the labelled ones".into()),
        setting("supervised and fine-tuned", "same read-out, augmentation, rate, steps, smoothing and averaging of weights; fine-tuning starts from the linear probe and ends on the way from it to the trained weights, half-way with few labels (WiSE-FT); trained for balanced accuracy where that is the metric (logit adjustment)".into()),
        setting("intervals", "95 %, BCa bootstrap over test rows (whole groups, where five or more are tested) and draws of labels".into()),
        setting("label draws", data.levels.first().map_or(0, |l| l.draws.len()).to_string()),
    ];
    MethodInfo {
        name: entry.as_ref().map_or(config.method.clone(), |e| e.name.to_string()),
        family: entry.as_ref().map_or(String::new(), |e| e.family.title().to_string()),
        encoder: encoder.to_string(),
        summary: entry.as_ref().map_or(String::new(), |e| e.summary.to_string()),
        settings: settings.iter().map(|(n, v)| setting(n, v.clone())).collect(),
        evaluation,
    }
}
