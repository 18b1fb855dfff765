//! The verdict in words: three sentences that a terminal and the report show alike.

use super::contrast::Contrast;
use super::risk;
use crate::report::format::{bytes, count, counted, duration, label_fraction, p_value, percent, points};
use crate::report::schema::{Against, Findings, Outcome, Pays, Report, Representation, Risk, Row};

/// Words for a report with scores.
pub fn with_labels(report: &Report, contrasts: &[Contrast<'_>], focus: &Contrast<'_>, findings: &mut Findings) {
    let (answer, headline) = match findings.pays {
        Pays::Yes => ("Yes.", "Self-supervision pays on this data."),
        Pays::No => ("No.", "Self-supervision does not pay on this data."),
        Pays::Unclear | Pays::Unknown => ("Unclear.", "It is not clear yet whether self-supervision pays."),
    };
    findings.headline = headline.into();
    let pays = match findings.pays {
        Pays::Yes => win(report, contrasts, focus),
        _ => no_win(report, focus, findings),
    };
    findings.lines =
        vec![format!("Does it pay? {answer} {pays}"), saving(report, focus, findings), closing(report, findings)];
}

/// Words for a report without any score.
pub fn without_labels(report: &Report, findings: &mut Findings) {
    findings.pays = Pays::Unknown;
    findings.headline = "Whether it pays is not known: no scores were measured.".into();
    let known = report
        .label_free
        .iter()
        .find(|figure| figure.representation.is_ssl())
        .map(|figure| {
            format!(" Known without labels: {} {}.", figure.name, crate::report::format::number(figure.value))
        })
        .unwrap_or_default();
    let why = if report.inventory.labelled == 0 {
        "there are no labels, so no score was measured."
    } else {
        "there are labels, but no self-supervised score was measured."
    };
    let ask = if report.inventory.labelled == 0 {
        "How many labels does it save? Not known. A few dozen labels a class, some kept for testing, would tell."
    } else {
        "How many labels does it save? Not known until self-supervised rows are evaluated beside the baselines."
    };
    findings.lines = vec![format!("Does it pay? Not known: {why}{known}"), ask.into(), closing(report, findings)];
}

fn win(report: &Report, contrasts: &[Contrast<'_>], focus: &Contrast<'_>) -> String {
    let differences: Vec<_> = focus.against.iter().map(difference).collect();
    let mut text = format!(
        "With {}, {} scores {} {}: {}.",
        budget(focus.row),
        reader(focus.row),
        percent(focus.row.mean),
        report.metric,
        join(&differences)
    );
    // The largest budget often tells another story, and whoever has many labels should hear it.
    let largest = contrasts.iter().map(|one| one.row.labels).max().unwrap_or_default();
    let there: Vec<_> = contrasts.iter().filter(|one| one.row.labels == largest).collect();
    let worst = there
        .iter()
        .filter_map(|one| one.to(Representation::Supervised))
        .max_by(|a, b| a.difference.unwrap_or(f64::NEG_INFINITY).total_cmp(&b.difference.unwrap_or(f64::NEG_INFINITY)));
    if let (Some(row), Some(best)) = (there.first(), worst)
        && largest > focus.row.labels
        && best.outcome == Outcome::Worse
    {
        text.push_str(&format!(" With {} supervised training is better ({} points).", budget(row.row), shown(best)));
    }
    text
}

/// Names what stands in the way: a broken run, a better baseline, an open interval, a missing test, the correction.
fn no_win(report: &Report, focus: &Contrast<'_>, findings: &Findings) -> String {
    let with = format!("With {},", budget(focus.row));
    let named = format!("{} ({} {})", reader(focus.row), percent(focus.row.mean), report.metric);
    if let Some(Risk::Collapse | Risk::Divergence) = findings.risks.first() {
        return "Pre-training failed, so its scores say nothing about self-supervision on this data.".into();
    }
    let pick = |outcome| focus.against.iter().filter(move |one| one.outcome == outcome).collect::<Vec<_>>();
    let (worse, open, untested) = (pick(Outcome::Worse), pick(Outcome::Open), pick(Outcome::Untested));
    if !worse.is_empty() {
        let beaten: Vec<_> = worse.iter().map(|one| article(one.baseline)).collect();
        let by: Vec<_> = worse.iter().map(|one| difference(one)).collect();
        let beat = if beaten.len() == 1 && worse[0].baseline != Representation::Raw { "beats" } else { "beat" };
        return format!("{with} {} {beat} {named}: {}.", join(&beaten), join(&by));
    }
    if !open.is_empty() {
        let by: Vec<_> = open.iter().map(|one| difference(one)).collect();
        let reach = if findings.pays == Pays::No {
            "any gain is below one point"
        } else if open.len() == 1 {
            "the interval includes 0"
        } else {
            "the intervals include 0"
        };
        return format!("{with} {named} is not shown to be better: {}; {reach}.", join(&by));
    }
    if !untested.is_empty() {
        let missing: Vec<_> = untested.iter().map(|one| article(one.baseline)).collect();
        return format!("{with} {named} was not tested against {}.", join(&missing));
    }
    let p = focus.corrected_p.map(p_value).unwrap_or_default();
    let grouped = report.inventory.split.test_groups.is_some_and(|groups| groups >= risk::MIN_GROUPS);
    let all: Vec<_> = focus.against.iter().map(difference).collect();
    format!(
        "{with} {named} leads ({}), but not after correction for {} (corrected {p}); more {} to test on would tell.",
        join(&all),
        counted(findings.tried, "comparison"),
        if grouped { "groups" } else { "samples" }
    )
}

fn saving(report: &Report, focus: &Contrast<'_>, findings: &Findings) -> String {
    let ask = "How many labels does it save?";
    let to = |baseline| focus.to(baseline).map_or(Outcome::Untested, |one| one.outcome);
    if matches!(findings.risks.first(), Some(Risk::Collapse | Risk::Divergence)) {
        return format!("{ask} Not known: the run has to be repeated first.");
    }
    if to(Representation::Supervised) != Outcome::Better {
        let supervised = report
            .rows
            .iter()
            .find(|row| row.representation == Representation::Supervised && row.labels == focus.row.labels)
            .map(|row| format!(" (SSL {}, supervised {})", percent(focus.row.mean), percent(row.mean)))
            .unwrap_or_default();
        return format!(
            "{ask} None that could be shown: with {} it does not beat supervised training{supervised}.",
            budget(focus.row)
        );
    }
    for baseline in [Representation::Raw, Representation::Random, Representation::Given] {
        if to(baseline) == Outcome::Worse {
            let name = article(baseline);
            return format!("{ask} None of its own: {name} without any pre-training save more.");
        }
    }
    let Some(saving) = &findings.saving else {
        return format!("{ask} Not known: supervised training was measured at too few label budgets.");
    };
    let spread = match saving.high {
        Some(high) if high > saving.low => format!(" ({} to {})", count(saving.low), count(high)),
        None if saving.reached => format!(" ({} to more than were given)", count(saving.low)),
        _ => String::new(),
    };
    let need = if saving.reached {
        let saved = saving.supervised.saturating_sub(saving.labels);
        format!("about {}{spread}: about {} saved", count(saving.supervised), count(saved))
    } else {
        format!(
            "more than {}: at least {} saved",
            count(saving.supervised),
            count(saving.supervised.saturating_sub(saving.labels))
        )
    };
    format!("{ask} For what SSL scores with {}, supervised training needs {need}.", counted(saving.labels, "label"))
}

fn closing(report: &Report, findings: &Findings) -> String {
    let cost = &report.cost;
    let mut text = String::new();
    if let Some(risk) = findings.risks.first() {
        text = format!("Risk: {} ", risk::sentence(risk));
    }
    if cost.wall_seconds > 0.0 {
        let cores = if cost.cores > 0 { format!(" on {}", counted(cost.cores, "core")) } else { String::new() };
        let memory = cost.peak_memory_bytes.map(|peak| format!(", {} of memory", bytes(peak))).unwrap_or_default();
        text.push_str(&format!("Cost: {}{cores}{memory}. ", duration(cost.wall_seconds)));
    }
    match report.next.first() {
        Some(step) => text.push_str(&format!("Next: `{}`", step.command.replace('`', "'"))),
        None => text.push_str("Next: see the full report."),
    }
    text
}

fn budget(row: &Row) -> String {
    format!("{} ({})", counted(row.labels, "label"), label_fraction(row.fraction))
}

fn reader(row: &Row) -> String {
    let how = match row.representation {
        Representation::SslFinetune => "fine-tuned",
        Representation::SslKnn => "kNN",
        _ => "linear probe",
    };
    format!("SSL ({}, {how})", row.method)
}

fn article(baseline: Representation) -> String {
    match baseline {
        Representation::Raw => "raw features",
        Representation::Random => "a random encoder",
        Representation::Given => "the encoder as it was given",
        _ => "supervised training",
    }
    .into()
}

/// The difference to a baseline with its interval and p.
fn difference(one: &Against) -> String {
    let over = article(one.baseline);
    match (one.difference, one.low, one.high) {
        (Some(value), Some(low), Some(high)) => {
            let p = one.p.map(|p| format!(", {}", p_value(p))).unwrap_or_default();
            format!("{} points against {over} ({} to {}{p})", points(value), points(low), points(high))
        }
        _ => format!("untested against {over}"),
    }
}

fn shown(one: &Against) -> String {
    one.difference.map(|value| points(-value)).unwrap_or_default()
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
