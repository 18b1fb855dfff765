//! Whether pre-training learned, and what the study cost.

use maud::{Markup, html};

use crate::report::format::{bytes, counted, duration, number};
use crate::report::schema::{Health, Report};
use crate::report::svg::{cost_bar, training_curves};

/// The training curves with the verdict of the monitor.
pub fn section(report: &Report) -> Markup {
    let monitor = &report.monitor;
    let health = match monitor.health {
        Health::Healthy => "Pre-training learned.",
        Health::Collapsed => "Pre-training collapsed: every sample gets nearly the same features.",
        Health::Diverged => "Pre-training diverged: the loss is no longer a sensible number.",
        Health::NotLearning => "Pre-training hardly learned: the loss barely moved.",
        Health::Unknown => "Pre-training was not watched.",
    };
    html! {
        section aria-labelledby="training" {
            h2 id="training" { "Did pre-training learn?" }
            p { strong { (health) } " " (monitor.message) }
            (training_curves(monitor))
        }
    }
}

/// Where the time went.
pub fn cost(report: &Report) -> Markup {
    let cost = &report.cost;
    let epochs = match (cost.used_epochs, cost.planned_epochs) {
        (Some(used), Some(planned)) => Some(format!("{} of {} planned", number(used), number(planned))),
        (Some(used), None) => Some(number(used)),
        _ => None,
    };
    let machine = &report.machine;
    let facts = [
        ("Wall time of all phases", Some(duration(cost.wall_seconds)).filter(|_| cost.wall_seconds > 0.0)),
        ("Pre-training throughput", cost.samples_per_second.map(|rate| format!("{} samples/s", number(rate)))),
        ("Epochs of pre-training", epochs),
        (
            "Length of trainings on labels",
            cost.label_training_share.map(|share| format!("{:.0} % of the full recipe", 100.0 * share)),
        ),
        ("Cores used", Some(cost.cores.to_string()).filter(|_| cost.cores > 0)),
        ("Peak memory", cost.peak_memory_bytes.map(bytes)),
        (
            "Processor",
            Some(format!("{} ({})", machine.cpu, counted(machine.cores, "core"))).filter(|_| !machine.cpu.is_empty()),
        ),
        ("Memory of the machine", machine.memory_bytes.map(bytes)),
        ("Operating system", Some(machine.os.clone()).filter(|os| !os.is_empty())),
        (
            "Device, threads",
            Some(format!("{}, {}", machine.device, machine.threads)).filter(|_| !machine.device.is_empty()),
        ),
    ];
    html! {
        section aria-labelledby="cost" {
            h2 id="cost" { "What it cost" }
            figure { (cost_bar(&cost.phases)) }
            table { tbody {
                @for (name, value) in facts.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
                    tr { th scope="row" { (name) } td { (value) } }
                }
            } }
            p class="note" { "All of it measured on this machine. Energy was not measured, so none is given." }
        }
    }
}
