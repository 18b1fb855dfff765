//! The label-efficiency curve: score against the number of labels, one line a representation.

use maud::{Markup, html};

use super::axes::{Scale, dodge, px, range, ticks};
use super::palette::Mark;
use crate::report::format::{count, label_fraction, percent};
use crate::report::schema::{Representation, Row};

/// For which page the chart is drawn; text keeps its size on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A desktop or paper: labels stand at the ends of the lines.
    Wide,
    /// A telephone: a legend stands below.
    Narrow,
}

/// Between labels and between ticks, in pixels.
const LABEL_GAP: f64 = 17.0;
const TICK_GAP: f64 = 50.0;

/// A line of the chart.
struct Line<'r> {
    name: String,
    mark: Mark,
    rows: Vec<&'r Row>,
}

/// Draws the chart; the metric names the vertical axis.
pub fn label_efficiency(rows: &[Row], metric: &str, width: Width) -> Markup {
    let lines = lines(rows);
    let used = || lines.iter().flat_map(|line| line.rows.iter());
    let (Some(x_range), Some((low, high))) =
        (range(used().map(|row| row.labels as f64)), range(used().flat_map(|row| [row.mean, row.low, row.high])))
    else {
        return html! { p class="empty" { "There are no scores to draw: no representation was evaluated on labels." } };
    };
    let (full, tall, right) = match width {
        Width::Wide => (860.0, 420.0, 690.0),
        Width::Narrow => (360.0, 320.0, 344.0),
    };
    let (left, top, bottom) = (46.0, 28.0, tall - 54.0);
    let marks: Vec<f64> = ticks(low, high, 8).into_iter().filter(|tick| (-1e-9..=1.0 + 1e-9).contains(tick)).collect();
    let y_range = range(marks.iter().copied().chain([low, high])).unwrap_or((0.0, 1.0));
    let x = Scale::log(x_range, (left + 24.0, right - 16.0));
    let y = Scale::linear(y_range, (bottom, top));
    let ends: Vec<f64> = lines.iter().filter_map(|line| line.rows.last()).map(|row| y.at(row.mean)).collect();
    let labels = dodge(&ends, LABEL_GAP, top, bottom);
    html! {
        svg class="chart" viewBox={ "0 0 " (px(full)) " " (px(tall)) } role="img" aria-label=(describe(&lines, metric)) {
            text class="axis" x="4" y="14" { (capital(metric)) }
            @for mark in &marks {
                line class="grid" x1=(px(left)) x2=(px(right)) y1=(px(y.at(*mark))) y2=(px(y.at(*mark))) {}
                text class="tick" text-anchor="end" x=(px(left - 6.0)) y=(px(y.at(*mark) + 4.0)) { (format!("{:.0} %", mark * 100.0)) }
            }
            @for (at, row) in budgets(&lines, &x) {
                line class="grid" x1=(px(at)) x2=(px(at)) y1=(px(bottom)) y2=(px(bottom + 5.0)) {}
                text class="tick" text-anchor="middle" x=(px(at)) y=(px(bottom + 20.0)) { (count(row.labels)) }
                text class="tick faint" text-anchor="middle" x=(px(at)) y=(px(bottom + 35.0)) { (label_fraction(row.fraction)) }
            }
            text class="axis" text-anchor="middle" x=(px((left + right) / 2.0)) y=(px(tall - 4.0)) {
                "labels used (log scale)" @if width == Width::Wide { " and share of the training split" }
            }
            @for (index, line) in lines.iter().enumerate() {
                // Error bars side by side: on top of one another nobody could tell whose they are.
                @let shift = (index as f64 - (lines.len() - 1) as f64 / 2.0) * 3.0;
                g class=(line.mark.class) {
                    @if line.rows.len() > 1 {
                        polyline class=(if line.rows[0].representation.is_ssl() { "line" } else { "line base" })
                            points=(line.rows.iter().map(|row| format!("{},{}", px(x.at(row.labels as f64) + shift), px(y.at(row.mean)))).collect::<Vec<_>>().join(" ")) {}
                    }
                    @for row in &line.rows {
                        @let at = x.at(row.labels as f64) + shift;
                        @if (row.low + row.high).is_finite() {
                            line class="bar" x1=(px(at)) x2=(px(at)) y1=(px(y.at(row.low))) y2=(px(y.at(row.high))) {}
                        }
                        (line.mark.draw(at, y.at(row.mean), 4.2, &tooltip(&line.name, row)))
                    }
                }
                @if width == Width::Wide {
                    @if let Some(row) = line.rows.last() {
                        @let at = x.at(row.labels as f64) + shift;
                        line class="leader" x1=(px(at + 7.0)) y1=(px(y.at(row.mean))) x2=(px(right + 8.0)) y2=(px(labels[index])) {}
                        (line.mark.draw(right + 15.0, labels[index], 4.2, ""))
                        text class="label" x=(px(right + 25.0)) y=(px(labels[index] + 4.5)) { (line.name) }
                    }
                }
            }
        }
        @if width == Width::Narrow {
            ul class="legend" { @for line in &lines { li { (line.mark.swatch()) (line.name) } } }
        }
    }
}

/// One line for each representation and method, baselines first, so that SSL is drawn on top.
fn lines(rows: &[Row]) -> Vec<Line<'_>> {
    let mut keys: Vec<(Representation, &str)> = Vec::new();
    for row in rows.iter().filter(|row| row.labels > 0 && row.mean.is_finite()) {
        let key = (row.representation, row.method.as_str());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.sort_by_key(|key| key.0);
    keys.iter()
        .map(|key| {
            let mut own: Vec<&Row> = rows
                .iter()
                .filter(|row| {
                    (row.representation, row.method.as_str()) == *key && row.labels > 0 && row.mean.is_finite()
                })
                .collect();
            own.sort_by_key(|row| row.labels);
            let several = keys.iter().filter(|other| other.0 == key.0).count() > 1;
            let name = if several { format!("{} ({})", key.0.name(), key.1) } else { key.0.name().to_string() };
            Line { name, mark: Mark::of(key.0), rows: own }
        })
        .collect()
}

/// The budgets that get a tick: all that leave room for their numbers, the largest first.
fn budgets<'r>(lines: &[Line<'r>], x: &Scale) -> Vec<(f64, &'r Row)> {
    let mut all: Vec<&Row> = lines.iter().flat_map(|line| line.rows.iter().copied()).collect();
    all.sort_by_key(|row| std::cmp::Reverse(row.labels));
    let mut kept: Vec<(f64, &Row)> = Vec::new();
    for row in all {
        let at = x.at(row.labels as f64);
        if kept.iter().all(|(other, _)| (other - at).abs() >= TICK_GAP) {
            kept.push((at, row));
        }
    }
    kept
}

fn tooltip(name: &str, row: &Row) -> String {
    format!("{name}, {} labels: {} ({} to {})", row.labels, percent(row.mean), percent(row.low), percent(row.high))
}

/// The chart in words, for those who cannot see it; the table below it holds every figure.
fn describe(lines: &[Line<'_>], metric: &str) -> String {
    let ends: Vec<_> = lines
        .iter()
        .filter_map(|line| {
            let (first, last) = (line.rows.first()?, line.rows.last()?);
            Some(format!(
                "{} from {} with {} labels to {} with {}",
                line.name,
                percent(first.mean),
                first.labels,
                percent(last.mean),
                last.labels
            ))
        })
        .collect();
    format!("Label-efficiency curve, {metric} against labels: {}.", ends.join("; "))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::svg::check;

    fn row(representation: Representation, labels: usize, mean: f64) -> Row {
        let method = "m".to_string();
        Row {
            representation,
            method,
            labels,
            fraction: labels as f64 / 1000.0,
            mean,
            low: mean - 0.02,
            high: mean + 0.02,
            seeds: 3,
        }
    }

    fn example() -> Vec<Row> {
        let mut rows = Vec::new();
        for (index, representation) in Representation::ALL.into_iter().enumerate() {
            for labels in [10, 50, 100, 1000] {
                rows.push(row(representation, labels, 0.5 + 0.01 * index as f64 + 0.1 * (labels as f64).log10()));
            }
        }
        rows
    }

    #[test]
    fn the_chart_is_well_formed_and_its_labels_do_not_overlap() {
        for width in [Width::Wide, Width::Narrow] {
            let svg = label_efficiency(&example(), "accuracy", width).into_string();
            check::well_formed(&svg);
            check::no_nan(&svg);
            check::texts_do_not_overlap(&svg);
        }
    }

    #[test]
    fn close_budgets_do_not_print_their_ticks_over_one_another() {
        let rows: Vec<_> = (0..40).map(|n| row(Representation::SslLinear, 1000 + n * 10, 0.7)).collect();
        check::texts_do_not_overlap(&label_efficiency(&rows, "accuracy", Width::Narrow).into_string());
    }

    #[test]
    fn no_rows_give_a_sentence() {
        assert!(label_efficiency(&[], "accuracy", Width::Wide).into_string().contains("no scores to draw"));
    }

    #[test]
    fn a_single_point_and_equal_values_are_drawn() {
        let one = [row(Representation::Raw, 10, 0.5)];
        let equal: Vec<_> =
            Representation::ALL.iter().map(|r| Row { low: 1.0, high: 1.0, mean: 1.0, ..row(*r, 10, 1.0) }).collect();
        for rows in [&one[..], &equal[..]] {
            let svg = label_efficiency(rows, "accuracy", Width::Wide).into_string();
            check::well_formed(&svg);
            check::no_nan(&svg);
            check::texts_do_not_overlap(&svg);
        }
    }

    #[test]
    fn scores_that_are_not_numbers_are_left_out() {
        let svg = label_efficiency(&[row(Representation::Raw, 10, f64::NAN)], "accuracy", Width::Wide).into_string();
        assert!(svg.contains("no scores to draw"));
    }
}
