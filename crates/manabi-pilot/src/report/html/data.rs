//! What the data holds: counts, classes, split, duplicates, and the files that were skipped.

use maud::{Markup, html};

use super::scroll;
use crate::report::format::{count, counted};
use crate::report::schema::{Inventory, Report};

/// More classes or skipped files than this fold away.
const SHOWN: usize = 30;

/// The section.
pub fn section(report: &Report) -> Markup {
    let inventory = &report.inventory;
    let split = &inventory.split;
    html! {
        section aria-labelledby="data" {
            h2 id="data" { "The data" }
            @if inventory.samples == 0 {
                p class="empty" { "No inventory was taken." }
            } @else {
                table { tbody {
                    tr { th scope="row" { "Samples read" } td { (count(inventory.samples)) } }
                    tr { th scope="row" { "Labelled, unlabelled" } td { (count(inventory.labelled)) ", " (count(inventory.unlabelled)) } }
                    tr { th scope="row" { "Training, validation, test" } td { (count(split.train)) ", " (count(split.validation)) ", " (count(split.test)) } }
                    tr { th scope="row" { "Split" } td { @if split.official { "official" } @else { "our own" } @if !split.description.is_empty() { ": " (split.description) } } }
                    tr { th scope="row" { "Groups" } td { (groups(inventory)) } }
                    tr { th scope="row" { "Near-duplicates" } td { @match inventory.near_duplicates {
                        Some(0) => "none found", Some(found) => { (counted(found, "sample")) " with a twin, kept on one side of the split" }, None => "none found (not looked for where the dataset brings its own split)" } } }
                    @if let Some(things) = inventory.distinct {
                        tr { th scope="row" { "Different things" } td { (count(things)) ": a group, or a set of near-duplicates, counts once" } }
                    }
                    tr { th scope="row" { "Skipped files" } td { (count(inventory.skipped_total)) } }
                } }
                (classes(inventory))
                (skipped(inventory))
            }
        }
    }
}

fn groups(inventory: &Inventory) -> String {
    match (&inventory.group_column, inventory.groups) {
        (Some(column), Some(groups)) => {
            format!("{} by \"{column}\"; none is on both sides of the split", count(groups))
        }
        (Some(column), None) => format!("by \"{column}\""),
        _ => "no group column; samples of one origin may be on both sides of the split".into(),
    }
}

fn classes(inventory: &Inventory) -> Markup {
    let most = inventory.classes.iter().map(|class| class.count).max().unwrap_or_default();
    if most == 0 {
        return html! {};
    }
    let distinct = inventory.classes.iter().any(|class| class.distinct.is_some());
    fold(
        "Classes",
        inventory.classes.len(),
        scroll(
            "Classes with their labelled samples",
            html! {
                table {
                    thead { tr { th scope="col" { "Class" } th scope="col" class="num" { "Labelled" } @if distinct { th scope="col" class="num" { "Different" } } th scope="col" { "Share of the largest" } } }
                    tbody { @for class in &inventory.classes { tr {
                        td class="path" { (class.name) }
                        td class="num" { (count(class.count)) }
                        @if distinct { td class="num" { (count(class.distinct.unwrap_or(class.count))) } }
                        td { span class="meter" aria-hidden="true" style=(format!("width:{:.1}em", class.count as f64 / most as f64 * 9.0)) {} }
                    } } }
                }
            },
        ),
    )
}

fn skipped(inventory: &Inventory) -> Markup {
    if inventory.skipped.is_empty() {
        return html! {};
    }
    let hidden = inventory.skipped_total.saturating_sub(inventory.skipped.len());
    fold(
        "Skipped files",
        inventory.skipped.len(),
        scroll(
            "Skipped files with reasons",
            html! {
                table {
                    thead { tr { th scope="col" { "File" } th scope="col" { "Reason" } } }
                    tbody { @for file in &inventory.skipped { tr { td class="path" { (file.path) } td { (file.reason) } } } }
                }
                @if hidden > 0 { p class="note" { "And " (count(hidden)) " more." } }
            },
        ),
    )
}

/// A long table folds away; a short one stands open under its heading.
fn fold(title: &str, rows: usize, table: Markup) -> Markup {
    html! {
        h3 { (title) }
        @if rows > SHOWN { details { summary { "Show all " (count(rows)) } (table) } } @else { (table) }
    }
}
