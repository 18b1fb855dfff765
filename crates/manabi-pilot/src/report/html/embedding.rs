//! What the encoder sees: the embedding map, and samples with their nearest neighbours.

use maud::{Markup, html};

use crate::report::schema::{Preview, Query, Report};
use crate::report::svg::embedding_map;

/// The section.
pub fn section(report: &Report) -> Markup {
    let map = &report.embedding_map;
    html! {
        section aria-labelledby="embedding" {
            h2 id="embedding" { "What the encoder sees" }
            p { "Each point is a sample; samples that the encoder finds alike lie close together. "
                @if !map.projection.is_empty() { "Drawn by " (map.projection) "; " }
                "two dimensions show only part of what the features hold, so a map that looks mixed can still separate well." }
            figure { (embedding_map(&map.points, &map.projection)) }
            h3 { "Nearest neighbours" }
            @if report.neighbours.is_empty() {
                p class="empty" { "No neighbours were looked up." }
            } @else {
                p { "The first of each row is the question; the others are the samples that the encoder finds most alike, with their cosine similarity. "
                    "A dashed border marks another class." }
                @for query in &report.neighbours { (row(query)) }
            }
        }
    }
}

fn row(query: &Query) -> Markup {
    let class = |label: &Option<String>| match (&query.label, label) {
        (Some(a), Some(b)) if a == b => "same",
        (Some(_), Some(_)) => "other",
        _ => "none",
    };
    html! {
        ul class="query" aria-label={ "Neighbours of " (query.id) } {
            li class="ask" { (preview(&query.preview)) (query.label.as_deref().unwrap_or("no label")) " " span class="faint" { (query.id) } }
            @for one in &query.neighbours {
                li class=(class(&one.label)) {
                    (preview(&one.preview)) (one.label.as_deref().unwrap_or("no label"))
                    " " span class="faint" { (format!("{:.2}", one.similarity)) }
                }
            }
        }
    }
}

/// A picture only if it is one and brings itself along; everything else is text.
fn preview(preview: &Preview) -> Markup {
    match preview {
        Preview::DataUri { uri, alt } if is_picture(uri) => {
            html! { img src=(uri) alt=(alt) loading="lazy"; }
        }
        Preview::DataUri { alt, .. } => html! { span class="text" { (alt) } },
        Preview::Text(text) => {
            html! { span class="text" { (text.chars().take(160).collect::<String>()) } }
        }
    }
}

fn is_picture(uri: &str) -> bool {
    // A browser runs no script in an SVG that is shown by `img`.
    ["png", "jpeg", "webp", "svg+xml"]
        .iter()
        .map(|kind| format!("data:image/{kind};base64,"))
        .filter_map(|start| uri.strip_prefix(&start))
        .any(|data| !data.is_empty() && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_that_bring_themselves_along_are_shown() {
        assert!(is_picture("data:image/png;base64,iVBORw0KGgo="));
        for bad in [
            "https://example.org/a.png",
            "data:text/html;base64,AAAA",
            "data:image/png;base64,\"><script>",
            "data:image/png;base64,",
        ] {
            assert!(!is_picture(bad), "{bad}");
        }
    }

    #[test]
    fn a_preview_that_is_no_picture_shows_its_words() {
        let markup = preview(&Preview::DataUri { uri: "https://example.org/a.png".into(), alt: "a <crack>".into() })
            .into_string();
        assert!(!markup.contains("example.org") && markup.contains("a &lt;crack&gt;"));
    }
}
