//! The report as one HTML file: no scripts, no requests, light and dark, for the screen, the telephone and paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::schema::Report;

mod closing;
mod data;
mod embedding;
mod results;
mod style;
mod summary;
mod training;

/// Renders the page. All text that comes from data is escaped.
pub fn render(report: &Report) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Whatever a file name or a label may hold: the page loads nothing and runs nothing.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'";
                meta name="color-scheme" content="light dark";
                title { "manabi pilot: " (report.dataset) }
                style { (PreEscaped(style::CSS)) }
            }
            body {
                main {
                    (summary::header(report))
                    (summary::verdict(report))
                    (summary::key_numbers(report))
                    (summary::warnings(report))
                    (results::section(report))
                    (training::section(report))
                    (embedding::section(report))
                    (data::section(report))
                    (training::cost(report))
                    (closing::next(report))
                    (closing::method(report))
                    (closing::reproducibility(report))
                }
                footer { "Written by manabi " (report.reproducibility.version) ". All figures come from this run; none is estimated from elsewhere." }
            }
        }
    }
    .into_string()
}

/// Text with its `commands` set as code.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A table that scrolls sideways by itself where the page is narrow.
fn scroll(label: &str, table: Markup) -> Markup {
    html! { div class="scroll" role="region" aria-label=(label) tabindex="0" { (table) } }
}
