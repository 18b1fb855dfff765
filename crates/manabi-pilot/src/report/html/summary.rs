//! The top of the page: what was studied, the verdict, what to do, the key numbers, the warnings.

use maud::{Markup, html};

use super::prose;
use crate::report::format::{bytes, count, counted, duration, label_fraction, percent, points};
use crate::report::schema::{Pays, Report, Representation, Risk};

/// The title and what was studied.
pub fn header(report: &Report) -> Markup {
    let method = &report.method;
    let parts =
        [report.modality.clone(), method.name.clone(), method.encoder.clone(), when(&report.reproducibility.finished)];
    let shown: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    html! {
        header {
            h1 { "Does self-supervision pay on " (report.dataset) "?" }
            p class="sub" { (shown.join(" · ")) }
        }
    }
}

/// `2025-06-12T14:03:22Z` as people write it; anything else as it is.
fn when(finished: &str) -> String {
    match (finished.get(..10), finished.get(11..16), finished.ends_with('Z')) {
        (Some(day), Some(time), true) => format!("{day} {time} UTC"),
        _ => finished.into(),
    }
}

/// The verdict box.
pub fn verdict(report: &Report) -> Markup {
    let findings = &report.findings;
    let (class, word) = match findings.pays {
        Pays::Yes => ("verdict yes", "Yes"),
        Pays::No => ("verdict no", "No"),
        Pays::Unclear => ("verdict unclear", "Unclear"),
        Pays::Unknown => ("verdict unknown", "Not known"),
    };
    html! {
        section class=(class) aria-labelledby="verdict" {
            h2 id="verdict" { span class="badge" { (word) } (findings.headline) }
            @for line in &findings.lines {
                @match line.split_once("? ") {
                    Some((question, answer)) if question.len() < 40 => p { span class="q" { (question) "?" } " " (prose(answer)) },
                    _ => (closing_line(line)),
                }
            }
            p class="act" { span class="q" { "What to decide:" } " " (decision(report)) }
        }
    }
}

/// The line on risk, cost and next step, with its parts set off.
fn closing_line(line: &str) -> Markup {
    let (facts, command) = line.split_once("Next: ").map_or((line, None), |(facts, command)| (facts, Some(command)));
    let (risk, cost) = facts.split_once("Cost: ").map_or((facts, None), |(risk, cost)| (risk, Some(cost)));
    html! {
        @match risk.strip_prefix("Risk: ") {
            Some(risk) => p { span class="q" { "Risk:" } " " (prose(risk)) },
            None if risk.is_empty() => {},
            None => p { (prose(risk)) },
        }
        @if let Some(cost) = cost { p { span class="q" { "Cost:" } " " (cost) } }
        @if let Some(command) = command { p { span class="q" { "Next:" } " " (prose(command)) } }
    }
}

/// One sentence or two for whoever has to decide.
fn decision(report: &Report) -> String {
    let findings = &report.findings;
    let broken = matches!(findings.risks.first(), Some(Risk::Collapse | Risk::Divergence));
    let copies = findings.risks.iter().find_map(|risk| match risk {
        Risk::FewThings { smallest, .. } => Some(smallest.as_ref()),
        _ => None,
    });
    match findings.pays {
        Pays::Yes => {
            "Use the pre-trained encoder for this task. Spend the labelling time that it saves on a larger test \
            set, and on the classes with the fewest labels."
                .into()
        }
        Pays::No => {
            let best = report
                .rows
                .iter()
                .filter(|row| !row.representation.is_ssl() && Some(row.labels) == findings.labels)
                .max_by(|a, b| a.mean.total_cmp(&b.mean));
            let instead = best.map_or(String::new(), |row| {
                let what = match row.representation {
                    Representation::Raw => "a simple classifier on raw features",
                    Representation::Random => "a linear probe on the untrained encoder",
                    Representation::Given => "a linear probe on the encoder as it was given",
                    _ => "plain supervised training",
                };
                format!(" Use {what} instead: it scores {} with {}.", percent(row.mean), counted(row.labels, "label"))
            });
            format!(
                "Do not spend more on this pre-training.{instead} More unlabelled data or another method may change that."
            )
        }
        Pays::Unclear if broken => {
            "Nothing yet: this run failed to learn, and repeating it with other settings is cheap.".into()
        }
        Pays::Unclear if copies.is_some() => {
            let class = copies.flatten().map_or(String::new(), |name| format!(", first of \"{name}\""));
            format!(
                "Collect samples of other things{class}, and run the study again: with so few different ones no method can \
                 be told from another."
            )
        }
        Pays::Unclear => {
            "Nothing yet. More seeds and a larger test set narrow the intervals; longer pre-training or another \
            method may widen the gap."
                .into()
        }
        Pays::Unknown => "Label a small random sample, run the study again with it, and decide then.".into(),
    }
}

/// The key numbers as cards.
pub fn key_numbers(report: &Report) -> Markup {
    let (findings, cost) = (&report.findings, &report.cost);
    let mut cards: Vec<(String, String)> = Vec::new();
    if let (Some(score), Some(labels), Some(fraction)) = (findings.score, findings.labels, findings.fraction) {
        let with = format!("{} of SSL with {} ({})", report.metric, counted(labels, "label"), label_fraction(fraction));
        cards.push((percent(score), with));
    }
    for one in &findings.against {
        if let (Some(difference), Some(low), Some(high)) = (one.difference, one.low, one.high) {
            let over = one.baseline.name().to_lowercase();
            cards.push((points(difference), format!("against {over} ({} to {})", points(low), points(high))));
        }
    }
    let beats_supervised = findings
        .against
        .iter()
        .any(|one| one.baseline == Representation::Supervised && one.outcome == crate::report::schema::Outcome::Better);
    if let Some(saving) = findings.saving.as_ref().filter(|_| beats_supervised) {
        let sign = if saving.reached { "≈" } else { ">" };
        let what = format!("labels supervised training needs for what SSL scores with {}", count(saving.labels));
        cards.push((format!("{sign} {}", count(saving.supervised)), what));
    }
    let samples = report.inventory.samples;
    if samples > 0 {
        cards.push((count(samples), format!("samples, {} of them labelled", count(report.inventory.labelled))));
    }
    if cost.wall_seconds > 0.0 {
        let cores = if cost.cores > 0 { format!(" on {}", counted(cost.cores, "core")) } else { String::new() };
        cards.push((duration(cost.wall_seconds), format!("for the whole study{cores}")));
    }
    if let Some(peak) = cost.peak_memory_bytes {
        cards.push((bytes(peak), "peak memory".into()));
    }
    html! {
        @if !cards.is_empty() {
            section aria-label="Key numbers" {
                ul class="cards" { @for (figure, meaning) in &cards {
                    li { b { (figure) @if figure.starts_with(['+', '-']) { small { " points" } } } span { (meaning) } }
                } }
            }
        }
    }
}

/// The warnings of all phases.
pub fn warnings(report: &Report) -> Markup {
    let risks: Vec<_> = report.findings.risks.iter().map(crate::report::verdict::risk_sentence).collect();
    html! {
        @if !risks.is_empty() || !report.warnings.is_empty() {
            section class="warnings" aria-labelledby="warnings" {
                h2 id="warnings" { "Mind this" }
                ul class="plain" {
                    @for risk in &risks { li { (risk) } }
                    @for warning in &report.warnings { li { (warning) } }
                }
            }
        }
    }
}
