//! The results: label-efficiency curve, table, what the baselines mean, paired comparisons, figures without labels.

use maud::{Markup, html};

use super::scroll;
use crate::report::format::{count, label_fraction, number, p_value, percent, points};
use crate::report::schema::{Comparison, Report, Representation, Row};
use crate::report::svg::palette::Mark;
use crate::report::svg::{Width, label_efficiency};

/// The section.
pub fn section(report: &Report) -> Markup {
    html! {
        section aria-labelledby="results" {
            h2 id="results" { "Score against labels" }
            @if report.rows.is_empty() {
                p class="empty" { "There are no scores: nothing was evaluated on labels." }
            } @else {
                p { "The further a line lies to the upper left, the fewer labels it needs. Bars are 95 % intervals; where two bars overlap widely, "
                    "the difference may be chance." }
                figure {
                    div class="wide" { (label_efficiency(&report.rows, &report.metric, Width::Wide)) }
                    div class="narrow" { (label_efficiency(&report.rows, &report.metric, Width::Narrow)) }
                }
                (table(report))
                h3 { "What is compared" }
                (meanings(&report.rows))
                (comparisons(&report.comparisons))
            }
            (label_free(report))
        }
    }
}

/// Rows are representations, columns are budgets.
fn table(report: &Report) -> Markup {
    let mut budgets: Vec<(usize, f64)> = Vec::new();
    let mut lines: Vec<(Representation, &str)> = Vec::new();
    for row in &report.rows {
        if !budgets.iter().any(|budget| budget.0 == row.labels) {
            budgets.push((row.labels, row.fraction));
        }
        if !lines.contains(&(row.representation, row.method.as_str())) {
            lines.push((row.representation, &row.method));
        }
    }
    budgets.sort_by_key(|budget| budget.0);
    lines.sort_by_key(|line| line.0);
    let cell = |line: &(Representation, &str), labels| {
        report.rows.iter().find(|row| (row.representation, row.method.as_str()) == *line && row.labels == labels)
    };
    let best = |labels| {
        report.rows.iter().filter(|row| row.labels == labels).map(|row| row.mean).fold(f64::NEG_INFINITY, f64::max)
    };
    let seeds = report.rows.iter().map(|row| row.seeds).max().unwrap_or_default();
    scroll(
        "Scores by representation and number of labels",
        html! {
            table {
                thead { tr {
                    th scope="col" { "Representation" }
                    @for (labels, fraction) in &budgets {
                        th scope="col" class="num" { (count(*labels)) " labels" span class="faint" { (label_fraction(*fraction)) } }
                    }
                } }
                tbody {
                    @for line in &lines {
                        tr {
                            th scope="row" { (Mark::of(line.0).swatch()) (line.0.name()) span class="faint" { (line.1) } }
                            @for (labels, _) in &budgets {
                                @match cell(line, *labels) {
                                    Some(row) => td class=(if row.mean >= best(*labels) { "num best" } else { "num" }) {
                                        (percent(row.mean)) span class="faint" { (percent(row.low)) " to " (percent(row.high)) }
                                    },
                                    None => td class="num faint" { "–" },
                                }
                            }
                        }
                    }
                }
            }
            p class="note" { "Mean " (report.metric) " over " (seeds) " draws of labels (probes on all labels and trainings on the larger budgets: one) with its 95 % interval; the best mean of each column is bold." }
        },
    )
}

/// One line for each representation that was evaluated.
fn meanings(rows: &[Row]) -> Markup {
    let meaning = |representation| match representation {
        Representation::Raw => {
            "The data as it is, such as pixels or averages, and a linear classifier on it. What needs no network at all."
        }
        Representation::Random => {
            "The same network with random weights. What the architecture gives without any training."
        }
        Representation::Given => {
            "The encoder of others that pre-training went on from, untouched, and a linear classifier on its features."
        }
        Representation::Supervised => {
            "The same network trained from scratch on these labels only. What one would do without self-supervision."
        }
        Representation::SslKnn => {
            "The self-supervised network, untouched; a sample gets the class of its nearest labelled neighbours."
        }
        Representation::SslLinear => {
            "The self-supervised network, untouched, and a linear classifier on its features. Quick and robust with few labels."
        }
        Representation::SslFinetune => {
            "The self-supervised network, trained on with these labels. Often the best with more labels, slower to train."
        }
    };
    html! {
        dl class="base" {
            @for representation in Representation::ALL.into_iter().filter(|one| rows.iter().any(|row| row.representation == *one)) {
                dt { (representation.name()) } dd { (meaning(representation)) }
            }
        }
    }
}

/// Rows are pairs, columns are budgets, as in the table of scores.
fn comparisons(comparisons: &[Comparison]) -> Markup {
    let mut pairs: Vec<_> = comparisons.iter().map(pair).collect();
    let mut budgets: Vec<usize> = comparisons.iter().map(|one| one.labels).collect();
    let mut tests: Vec<&str> =
        comparisons.iter().map(|one| one.test.as_str()).filter(|test| !test.is_empty()).collect();
    pairs.sort_unstable();
    pairs.dedup();
    budgets.sort_unstable();
    budgets.dedup();
    tests.sort_unstable();
    tests.dedup();
    // Methods are named only where a pair of representations occurs with several.
    let several = |of: &Pair<'_>| pairs.iter().filter(|other| (other.0, other.1) == (of.0, of.1)).count() > 1;
    html! {
        @if !pairs.is_empty() {
            h3 { "Paired comparisons" }
            p { "Differences in points on the same splits and seeds. Where the interval excludes 0, the difference is bold; where it includes 0, "
                "the difference may be chance." }
            (scroll("Paired comparisons", html! {
                table {
                    thead { tr {
                        th scope="col" { "Comparison" }
                        @for labels in &budgets { th scope="col" class="num" { (count(*labels)) " labels" } }
                    } }
                    tbody { @for of in &pairs { tr {
                        th scope="row" { (of.0.name()) @if several(of) { " (" (of.2) ")" } br; "− " (of.1.name()) @if several(of) { " (" (of.3) ")" } }
                        @for labels in &budgets {
                            @match comparisons.iter().find(|one| one.labels == *labels && pair(one) == *of) {
                                Some(one) => td class=(if one.low > 0.0 || one.high < 0.0 { "num told" } else { "num" }) {
                                    (points(one.difference))
                                    span class="faint" { (points(one.low)) " to " (points(one.high)) }
                                    @if let Some(p) = one.p { span class="faint" { (p_value(p)) } }
                                },
                                None => td class="num" { "–" },
                            }
                        }
                    } } }
                }
                p class="note" { @if !tests.is_empty() { "Test: " (tests.join(", ")) ". " }
                    "These p values are each comparison's own; the verdict corrects them for the budgets and readouts that were tried." }
            }))
        }
    }
}

/// The two sides of a comparison with their methods.
type Pair<'c> = (Representation, Representation, &'c str, &'c str);

fn pair(one: &Comparison) -> Pair<'_> {
    (one.a, one.b, &one.a_method, &one.b_method)
}

fn label_free(report: &Report) -> Markup {
    html! {
        @if !report.label_free.is_empty() {
            h3 { "What is known without training on labels" }
            (scroll("Figures that nothing was trained on labels for", html! {
                table {
                    thead { tr { th scope="col" { "Figure" } th scope="col" { "Representation" } th scope="col" class="num" { "Value" } th scope="col" { "Meaning" } } }
                    tbody { @for one in &report.label_free { tr {
                        td { (one.name) } td { (if one.representation.is_ssl() { "Pre-trained encoder" } else { one.representation.name() }) } td class="num" { (number(one.value)) } td class="words" { (one.meaning) }
                    } } }
                }
            }))
        }
    }
}
