//! Rounds of one case: each worker in turn, there and back.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{
    cases::Case,
    environment,
    worker::{Turn, Worker},
};

/// We beside one way of the peer.
pub struct Comparison {
    /// The peer's way.
    pub variant: String,
    /// Our seconds, median.
    pub ours: f64,
    /// The peer's seconds, median.
    pub peer: f64,
    /// The peer's seconds over ours, median over the rounds.
    pub ratio: f64,
    /// Lower quartile of the ratio.
    pub low: f64,
    /// Upper quartile.
    pub high: f64,
    /// Our peak memory in bytes.
    pub our_memory: u64,
    /// The peer's.
    pub peer_memory: u64,
}

/// Runs `rounds` rounds; one comparison a variant.
pub fn compare(
    case: &Case,
    variants: &[&str],
    ours: &Path,
    python: &Path,
    threads: usize,
    rounds: usize,
) -> Result<Vec<Comparison>> {
    let mut own = Command::new(ours);
    own.arg(case.name);
    let mut workers = vec![Worker::start(own, threads)?];
    for variant in variants {
        let mut peer = Command::new(python);
        let script: PathBuf = environment::peers_folder().join("worker.py");
        peer.arg(script).args([case.name, variant, &threads.to_string()]);
        workers.push(Worker::start(peer, threads)?);
    }
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); workers.len()];
    for round in 0..rounds {
        let order: Vec<usize> = match round % 2 {
            0 => (0..workers.len()).collect(),
            _ => (0..workers.len()).rev().collect(),
        };
        for index in order {
            let turn = workers[index].turn(case.runs)?;
            turns[index].push(turn);
        }
    }
    let seconds = |turns: &[Turn]| turns.iter().map(|turn| turn.seconds).collect::<Vec<_>>();
    let memory = |turns: &[Turn]| turns.iter().map(|turn| turn.peak_memory).max().unwrap_or(0);
    let own = seconds(&turns[0]);
    let against = |(variant, turns_of): (&&str, &Vec<Turn>)| {
        let peer = seconds(turns_of);
        let ratios: Vec<f64> = peer.iter().zip(&own).map(|(peer, own)| peer / own).collect();
        Comparison {
            variant: (*variant).to_string(),
            ours: quantile(&own, 0.5),
            peer: quantile(&peer, 0.5),
            ratio: quantile(&ratios, 0.5),
            low: quantile(&ratios, 0.25),
            high: quantile(&ratios, 0.75),
            our_memory: memory(&turns[0]),
            peer_memory: memory(turns_of),
        }
    };
    Ok(variants.iter().zip(&turns[1..]).map(against).collect())
}

/// The value below which a share `q` lies, between neighbours in proportion; 0 of nothing.
fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * at.fract(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0, 5.0], 0.25), 2.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
