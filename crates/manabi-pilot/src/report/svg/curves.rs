//! Training curves as small multiples: one panel a figure of the monitor.

use maud::{Markup, html};

use super::axes::{Scale, px, range, ticks};
use crate::report::format::number;
use crate::report::schema::{CurvePoint, Monitor};

/// A panel: its title, what to read in it, and where its values are.
type Panel = (&'static str, &'static str, fn(&CurvePoint) -> Option<f64>);

const PANELS: [Panel; 6] = [
    ("Loss", "should fall, then flatten", |point| point.loss),
    ("Feature standard deviation", "near 0: collapse", |point| point.feature_std),
    ("Effective rank", "near 1: collapse", |point| point.effective_rank),
    ("Alignment", "lower: views of a sample closer", |point| point.alignment),
    ("Uniformity", "lower: samples better spread", |point| point.uniformity),
    ("Online kNN (validation)", "higher: classes nearer together", |point| point.online_knn),
];

/// Draws a panel for every figure that was measured.
pub fn training_curves(monitor: &Monitor) -> Markup {
    let panels: Vec<_> = PANELS
        .iter()
        .map(|(title, hint, value)| {
            let points: Vec<(f64, f64)> = monitor
                .curve
                .iter()
                .filter_map(|point| Some((point.epoch, value(point)?)))
                .filter(|(epoch, value)| epoch.is_finite() && value.is_finite())
                .collect();
            let bound = monitor.feature_dim.filter(|_| *title == "Effective rank");
            (*title, bound.map_or(hint.to_string(), |dim| format!("of {dim} dimensions; {hint}")), points)
        })
        .filter(|(_, _, points)| !points.is_empty())
        .collect();
    if panels.is_empty() {
        return html! { p class="empty" { "There are no training curves: nothing was pre-trained, or nothing was recorded." } };
    }
    html! {
        div class="panels" {
            @for (title, hint, points) in &panels {
                figure class="panel" {
                    figcaption { strong { (title) } " " span class="faint" { (hint) } }
                    (panel(title, points))
                }
            }
        }
    }
}

fn panel(title: &str, points: &[(f64, f64)]) -> Markup {
    let (wide, tall, left, right, top, bottom) = (280.0, 150.0, 44.0, 270.0, 10.0, 122.0);
    let (Some((low, high)), Some(epochs)) = (range(points.iter().map(|p| p.1)), range(points.iter().map(|p| p.0)))
    else {
        return html! {};
    };
    let marks = ticks(low, high, 3);
    let ends = range(marks.iter().copied()).unwrap_or((low, high));
    let x = Scale::linear(epochs, (left, right));
    let y = Scale::linear(ends, (bottom, top));
    let (first, last) = (points[0], points[points.len() - 1]);
    let label = format!(
        "{title}: {} at epoch {}, {} at epoch {}.",
        number(first.1),
        number(first.0),
        number(last.1),
        number(last.0)
    );
    html! {
        svg class="chart" viewBox={ "0 0 " (px(wide)) " " (px(tall)) } role="img" aria-label=(label) {
            @for mark in &marks {
                line class="grid" x1=(px(left)) x2=(px(right)) y1=(px(y.at(*mark))) y2=(px(y.at(*mark))) {}
                text class="tick" text-anchor="end" x=(px(left - 5.0)) y=(px(y.at(*mark) + 4.0)) { (tick(*mark)) }
            }
            @if epochs.0 < epochs.1 {
                text class="tick" x=(px(left)) y=(px(tall - 8.0)) { "epoch " (number(epochs.0)) }
                text class="tick" text-anchor="end" x=(px(right)) y=(px(tall - 8.0)) { (number(epochs.1)) }
                g class="k3" { polyline class="line"
                    points=(points.iter().map(|p| format!("{},{}", px(x.at(p.0)), px(y.at(p.1)))).collect::<Vec<_>>().join(" ")) {} }
            } @else {
                text class="tick" text-anchor="middle" x=(px((left + right) / 2.0)) y=(px(tall - 8.0)) { "epoch " (number(epochs.0)) }
            }
            circle class="dot k3" cx=(px(x.at(last.0))) cy=(px(y.at(last.1))) r="3.5" { title { (number(last.1)) } }
        }
    }
}

/// Ticks without superfluous zeros.
fn tick(value: f64) -> String {
    if value.abs() >= 1e6 || (value != 0.0 && value.abs() < 1e-3) {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::svg::check;

    fn monitor(values: &[f64]) -> Monitor {
        let curve = values
            .iter()
            .enumerate()
            .map(|(epoch, value)| CurvePoint { epoch: epoch as f64, loss: Some(*value), ..CurvePoint::default() })
            .collect();
        Monitor { curve, ..Monitor::default() }
    }

    #[test]
    fn curves_are_well_formed_whatever_they_hold() {
        for values in
            [&[5.0, 3.0, 2.5][..], &[1.0], &[2.0, 2.0, 2.0], &[f64::NAN, 1.0, f64::INFINITY], &[0.0, 0.0], &[1e9, -1e9]]
        {
            let svg = training_curves(&monitor(values)).into_string();
            check::well_formed(&svg);
            check::no_nan(&svg);
            check::texts_do_not_overlap(&svg);
        }
    }

    #[test]
    fn no_measurements_give_a_sentence() {
        assert!(training_curves(&Monitor::default()).into_string().contains("no training curves"));
        assert!(training_curves(&monitor(&[f64::NAN])).into_string().contains("no training curves"));
    }

    #[test]
    fn only_what_was_measured_gets_a_panel() {
        let svg = training_curves(&monitor(&[2.0, 1.0])).into_string();
        assert_eq!(svg.matches("<figure").count(), 1);
    }
}
