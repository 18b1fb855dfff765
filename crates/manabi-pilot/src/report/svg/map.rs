//! The embedding map: every sample a point in two dimensions, coloured by its class.

use maud::{Markup, html};

use super::axes::{Scale, px, range};
use super::palette::Mark;
use crate::report::format::count;
use crate::report::schema::MapPoint;

/// More points than this make a page slow and a picture black.
const MAX_POINTS: usize = 2000;
/// More classes than this are drawn grey: nobody could tell their marks apart.
const MAX_CLASSES: usize = 24;

/// Draws the map with its legend.
pub fn embedding_map(points: &[MapPoint], projection: &str) -> Markup {
    let finite: Vec<&MapPoint> = points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()).collect();
    let (Some(xs), Some(ys)) = (range(finite.iter().map(|p| p.x)), range(finite.iter().map(|p| p.y))) else {
        return html! { p class="empty" { "There is no embedding map: nothing was embedded." } };
    };
    let stride = finite.len().div_ceil(MAX_POINTS).max(1);
    let shown: Vec<&MapPoint> = finite.iter().copied().step_by(stride).collect();
    let classes = classes(&finite);
    let unlabelled = finite.iter().filter(|point| rank(&classes, point).is_none()).count();
    let (wide, tall, edge) = (640.0, 440.0, 14.0);
    // One scale for both axes: distances on a map have to mean the same in every direction.
    let room = ((wide - 2.0 * edge) / (xs.1 - xs.0)).min((tall - 2.0 * edge) / (ys.1 - ys.0));
    let half = |low: f64, high: f64| (high - low) / 2.0 * if room.is_finite() { room } else { 0.0 };
    let x = Scale::linear(xs, (wide / 2.0 - half(xs.0, xs.1), wide / 2.0 + half(xs.0, xs.1)));
    let y = Scale::linear(ys, (tall / 2.0 + half(ys.0, ys.1), tall / 2.0 - half(ys.0, ys.1)));
    let radius = if shown.len() > 600 { 2.4 } else { 3.4 };
    let label = format!(
        "Map of {} embeddings by {projection}, coloured by {} classes; {} without a class are grey.",
        finite.len(),
        classes.len(),
        unlabelled
    );
    html! {
        svg class="chart map" viewBox={ "0 0 " (px(wide)) " " (px(tall)) } role="img" aria-label=(label) {
            // Grey points first, so that they never hide a class.
            @for point in shown.iter().filter(|point| rank(&classes, point).is_none()) {
                (Mark::grey().draw(x.at(point.x), y.at(point.y), radius * 0.9, &tooltip(point)))
            }
            @for point in &shown {
                @if let Some(rank) = rank(&classes, point) {
                    (Mark::nth(rank).draw(x.at(point.x), y.at(point.y), radius, &tooltip(point)))
                }
            }
        }
        ul class="legend" {
            @for (index, (name, number)) in classes.iter().take(MAX_CLASSES).enumerate() {
                li { (Mark::nth(index).swatch()) (name) " " span class="faint" { (count(*number)) } }
            }
            @if unlabelled > 0 {
                li { (Mark::grey().swatch()) @if classes.len() > MAX_CLASSES { "unlabelled and rarer classes" } @else { "unlabelled" }
                    " " span class="faint" { (count(unlabelled)) } }
            }
        }
        @if stride > 1 {
            p class="note" { "Drawn are " (count(shown.len())) " of " (count(finite.len())) " samples, every " (stride) "th." }
        }
    }
}

/// The classes by their number of points, the largest first.
fn classes<'p>(points: &[&'p MapPoint]) -> Vec<(&'p str, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for label in points.iter().filter_map(|point| point.label.as_deref()) {
        *counts.entry(label).or_insert(0) += 1;
    }
    let mut classes: Vec<_> = counts.into_iter().collect();
    classes.sort_by_key(|class| std::cmp::Reverse(class.1));
    classes
}

fn rank(classes: &[(&str, usize)], point: &MapPoint) -> Option<usize> {
    let label = point.label.as_deref()?;
    classes.iter().take(MAX_CLASSES).position(|class| class.0 == label)
}

fn tooltip(point: &MapPoint) -> String {
    match &point.label {
        Some(label) => format!("{} · {label}", point.id),
        None => point.id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::svg::check;

    fn points(count: usize, classes: usize) -> Vec<MapPoint> {
        (0..count)
            .map(|index| MapPoint {
                x: (index as f64 * 0.7).sin(),
                y: (index as f64 * 1.3).cos(),
                label: (index % (classes + 1) < classes).then(|| format!("class <{}>", index % (classes + 1))),
                id: format!("img & {index}"),
            })
            .collect()
    }

    #[test]
    fn the_map_is_well_formed_and_escapes_labels_and_ids() {
        let svg = embedding_map(&points(300, 4), "PCA").into_string();
        check::well_formed(&svg);
        check::no_nan(&svg);
        assert!(svg.contains("class &lt;0&gt;") && svg.contains("img &amp; 3"));
    }

    #[test]
    fn one_point_and_equal_points_stand_in_the_middle() {
        let one = points(1, 1);
        let equal = vec![one[0].clone(), one[0].clone()];
        for points in [one, equal] {
            let svg = embedding_map(&points, "PCA").into_string();
            check::no_nan(&svg);
            assert!(svg.contains(r#"cx="320" cy="220""#), "{svg}");
        }
    }

    #[test]
    fn no_points_give_a_sentence() {
        assert!(embedding_map(&[], "PCA").into_string().contains("no embedding map"));
    }

    #[test]
    fn thousands_of_points_are_thinned_and_many_classes_turn_grey() {
        let svg = embedding_map(&points(9000, 30), "PCA").into_string();
        assert!(svg.contains("every 5th") && svg.contains("rarer classes"));
    }
}
