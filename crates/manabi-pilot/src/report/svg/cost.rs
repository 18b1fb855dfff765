//! The cost bar: where the time of the study went.

use maud::{Markup, html};

use super::axes::px;
use super::palette::{Mark, Shape};
use crate::report::format::duration;
use crate::report::schema::Phase;

/// Draws one bar with a part for each phase, and a legend with their durations.
pub fn cost_bar(phases: &[Phase]) -> Markup {
    let timed: Vec<&Phase> = phases.iter().filter(|phase| phase.seconds.is_finite() && phase.seconds > 0.0).collect();
    let total: f64 = timed.iter().map(|phase| phase.seconds).sum();
    if total <= 0.0 {
        return html! { p class="empty" { "No times were measured." } };
    }
    let wide = 720.0;
    let mut from = 0.0;
    let parts: Vec<_> = timed
        .iter()
        .enumerate()
        .map(|(index, phase)| {
            let part = (index, from, phase.seconds / total * wide, *phase);
            from += part.2;
            part
        })
        .collect();
    let label: Vec<_> = timed.iter().map(|phase| format!("{} {}", phase.name, duration(phase.seconds))).collect();
    html! {
        svg class="chart bar-chart" viewBox="0 0 720 30" preserveAspectRatio="none" role="img" aria-label={ "Time a phase: " (label.join(", ")) "." } {
            @for (index, from, width, phase) in &parts {
                rect class={ "part " (mark(*index).class) } x=(px(*from)) y="0" width=(px(width.max(1.0))) height="30" {
                    title { (phase.name) ": " (duration(phase.seconds)) }
                }
            }
        }
        ul class="legend" {
            @for (index, _, width, phase) in &parts {
                li { (mark(*index).swatch()) (phase.name) " " span class="faint" { (duration(phase.seconds)) ", " (format!("{:.0} %", width / wide * 100.0)) } }
            }
        }
    }
}

fn mark(index: usize) -> Mark {
    Mark { shape: Shape::Square, ..Mark::nth(index) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::svg::check;

    fn phases(seconds: &[f64]) -> Vec<Phase> {
        seconds.iter().enumerate().map(|(index, s)| Phase { name: format!("phase {index}"), seconds: *s }).collect()
    }

    #[test]
    fn the_bar_is_well_formed_for_one_phase_many_and_equal_ones() {
        for seconds in [&[60.0][..], &[1.0, 1000.0, 0.001], &[5.0; 9], &[f64::NAN, 3.0]] {
            let svg = cost_bar(&phases(seconds)).into_string();
            check::well_formed(&svg);
            check::no_nan(&svg);
        }
    }

    #[test]
    fn no_times_give_a_sentence() {
        assert!(cost_bar(&[]).into_string().contains("No times"));
        assert!(cost_bar(&phases(&[0.0])).into_string().contains("No times"));
    }
}
