//! How to go on, how it was done, and how to repeat it.

use maud::{Markup, html};

use super::scroll;
use crate::report::schema::{Report, Setting};

/// The commands to go on with.
pub fn next(report: &Report) -> Markup {
    html! {
        @if !report.next.is_empty() {
            section aria-labelledby="next" {
                h2 id="next" { "How to go on" }
                @for step in &report.next { p { (step.what) } pre { code { (step.command) } } }
            }
        }
    }
}

/// The method and all settings.
pub fn method(report: &Report) -> Markup {
    let method = &report.method;
    html! {
        section aria-labelledby="method" {
            h2 id="method" { "Method and settings" }
            @if !method.name.is_empty() {
                p { strong { (method.name) } @if !method.family.is_empty() { " (" (method.family) ")" }
                    @if !method.encoder.is_empty() { " with encoder " strong { (method.encoder) } } ". " (method.summary) }
            }
            (settings("Pre-training", &method.settings))
            (settings("Evaluation", &method.evaluation))
            p class="note" { "All representations share splits, label draws and seeds. Settings are chosen on the validation split; the test split is "
                "used once, for the figures above. An interval covers 95 %. A gain counts only where the paired intervals against all three baselines lie "
                "above 0, with p corrected (Holm) for the budgets and readouts that were tried"
                @if let Some(p) = report.findings.corrected_p { "; here " (crate::report::format::p_value(p)) " of " (report.findings.tried) " tried" } "." }
        }
    }
}

fn settings(title: &str, settings: &[Setting]) -> Markup {
    html! {
        @if !settings.is_empty() {
            h3 { (title) }
            (scroll(title, html! {
                table { tbody { @for setting in settings { tr { th scope="row" { (setting.name) } td class="path" { (setting.value) } } } } }
            }))
        }
    }
}

/// Seed, version, command and configuration.
pub fn reproducibility(report: &Report) -> Markup {
    let known = &report.reproducibility;
    let seeds: Vec<_> = known.label_seeds.iter().map(u64::to_string).collect();
    let facts = [
        ("Version", known.version.clone()),
        ("Seed of pre-training", known.seed.to_string()),
        ("Seeds of the label draws", seeds.join(", ")),
        ("Finished", known.finished.clone()),
        ("Hash of the data", known.data_hash.clone().unwrap_or_default()),
    ];
    html! {
        section aria-labelledby="repeat" {
            h2 id="repeat" { "Repeat it" }
            table { tbody {
                @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                    tr { th scope="row" { (name) } td class="path" { (value) } }
                }
            } }
            @if !known.command.is_empty() { p { "This command ran the study:" } pre { code { (known.command) } } }
            @if !known.config.is_empty() {
                details { summary { "The resolved configuration" } pre { code { (known.config) } } }
            }
        }
    }
}
