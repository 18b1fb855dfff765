//! What may be wrong with the run or too little in the data, the gravest first.

use crate::report::{
    format::{counted, percent},
    schema::{ClassCount, Health, Report, Representation, Risk, Row},
};

/// Below this many samples for training, self-supervision seldom has enough to learn from.
const MIN_SAMPLES: usize = 500;
/// A class with fewer labels than this cannot be drawn for training, validated and tested.
const MIN_CLASS_LABELS: usize = 10;
/// With fewer groups than this in the test part (speakers, machines) nothing is known about further ones: their rows
/// are resampled, not they.
pub const MIN_GROUPS: usize = 5;
/// Fewer seeds than this give no interval worth its name.
const MIN_SEEDS: usize = 3;

/// The risks of a report.
pub fn of(report: &Report) -> Vec<Risk> {
    let mut risks = Vec::new();
    match report.monitor.health {
        Health::Collapsed => risks.push(Risk::Collapse),
        Health::Diverged => risks.push(Risk::Divergence),
        Health::NotLearning => risks.push(Risk::NotLearning),
        Health::Healthy | Health::Unknown => {}
    }
    risks.extend(
        report
            .inventory
            .split
            .test_groups
            .filter(|groups| *groups < MIN_GROUPS)
            .map(|groups| Risk::FewGroups { groups }),
    );
    risks.extend(overtaken(report));
    risks.extend(report.cost.label_training_share.filter(|share| *share < 1.0).map(|share| Risk::Shortened { share }));
    let inventory = &report.inventory;
    if report.rows.is_empty() && inventory.labelled == 0 {
        risks.push(Risk::NoLabels);
    }
    let samples = if inventory.split.train > 0 { inventory.split.train } else { inventory.samples };
    if samples > 0 && samples < MIN_SAMPLES {
        risks.push(Risk::FewSamples { samples });
    }
    if let Some(things) = inventory.distinct.filter(|things| 2 * things < inventory.samples) {
        let of = |class: &ClassCount| class.distinct.unwrap_or(class.count);
        let smallest = inventory.classes.iter().min_by_key(|class| of(class));
        risks.push(Risk::FewThings {
            samples: inventory.samples,
            things,
            smallest: smallest.map(|class| class.name.clone()),
            least: smallest.map_or(0, of),
        });
    }
    let scarce: Vec<_> = inventory.classes.iter().filter(|class| class.count < MIN_CLASS_LABELS).collect();
    if let Some(smallest) = scarce.iter().min_by_key(|class| class.count) {
        risks.push(Risk::FewLabels { classes: scarce.len(), smallest: smallest.name.clone(), labels: smallest.count });
    }
    // Large budgets are trained once: what counts is the smallest. A probe on all labels can be fitted in one way only.
    let fewest = report.rows.iter().map(|row| row.labels).min();
    let repeated = |row: &&Row| row.fraction < 1.0 || row.representation == Representation::Supervised;
    let drawn = report.rows.iter().filter(|row| Some(row.labels) == fewest).filter(repeated);
    if let Some(seeds) = drawn.map(|row| row.seeds).min().filter(|seeds| *seeds < MIN_SEEDS) {
        risks.push(Risk::FewSeeds { seeds });
    }
    risks
}

/// The smallest budget at which supervised training is better than the linear probe and than fine-tuning, by their
/// paired intervals.
fn overtaken(report: &Report) -> Option<Risk> {
    let readouts = [Representation::SslLinear, Representation::SslFinetune];
    let supervised = report.rows.iter().filter(|row| row.representation == Representation::Supervised);
    let lost = supervised.filter(|row| {
        let mut tests = report
            .comparisons
            .iter()
            .filter(|one| one.labels == row.labels && one.b == Representation::Supervised && readouts.contains(&one.a));
        let first = tests.next();
        first.is_some_and(|one| one.high < 0.0) && tests.all(|one| one.high < 0.0)
    });
    // Lost from the first budget on is no risk but the verdict; nobody has fewer labels in this report.
    let fewest = report.rows.iter().map(|row| row.labels).min();
    let row = lost.min_by_key(|row| row.labels).filter(|row| Some(row.labels) > fewest)?;
    let own = report.rows.iter().filter(|one| one.labels == row.labels && readouts.contains(&one.representation));
    let ssl = own.map(|one| one.mean).fold(0.0, f64::max);
    Some(Risk::Overtaken { labels: row.labels, supervised: row.mean, ssl })
}

/// The risk in one sentence, with its remedy.
pub fn sentence(risk: &Risk) -> String {
    match risk {
        Risk::Collapse => "Pre-training collapsed (all features became alike); try another method or a lower \
            learning rate."
            .into(),
        Risk::Divergence => "Pre-training diverged; lower the learning rate.".into(),
        Risk::NotLearning => "Pre-training hardly learned; train longer or try another method.".into(),
        Risk::Overtaken { labels, supervised, ssl } => format!(
            "With {labels} labels supervised training from scratch is better ({} against {}); the pre-trained encoder is \
             for whoever has fewer.",
            percent(*supervised),
            percent(*ssl)
        ),
        Risk::Shortened { share } => format!(
            "In this short budget trainings on labels had {:.0} % of their full length, which costs those from scratch \
             most; a longer one gives them all of it.",
            100.0 * share
        ),
        Risk::NoLabels => "Without labels nobody can know whether the features fit your task.".into(),
        Risk::FewSamples { samples } => {
            format!("{samples} samples are few to pre-train on; more unlabelled ones cost nothing but storage.")
        }
        Risk::FewThings { samples, things, smallest, least } => {
            let class = smallest.as_ref().map_or(String::new(), |name| format!(" (\"{name}\": {least})"));
            format!(
                "The {samples} samples show only {things} different things{class}, the others are near-copies or of the \
                 same origin; samples of new things help more than more labels or more training."
            )
        }
        Risk::FewLabels { classes, smallest, labels } => {
            let (has, they) = if *classes == 1 { ("class has", "its") } else { ("classes have", "their") };
            format!(
                "{classes} {has} fewer than {MIN_CLASS_LABELS} labels (\"{smallest}\" has {labels}), so {they} scores \
                 are uncertain; label more of them first."
            )
        }
        Risk::FewGroups { groups } => format!(
            "Tested on {} only: the intervals speak of {}, not of the next one; test on {MIN_GROUPS} or more to know.",
            counted(*groups, "group"),
            if *groups == 1 { "it" } else { "these" }
        ),
        Risk::FewSeeds { seeds } => {
            format!("With {seeds} of at least {MIN_SEEDS} seeds the intervals are too narrow to trust.")
        }
    }
}
