//! Rounds of one case: each worker in turn, there and back.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use super::{
    cases::Case,
    environment,
    roofline::{Roof, Work},
    worker::{Turn, Worker},
};

/// Seconds that a turn should take, about.
const TURN: f64 = 0.3;

/// The turns of all sides, round by round.
pub struct Rounds {
    /// Ours.
    pub ours: Vec<Turn>,
    /// The peer's ways, and the turns of those that worked.
    pub peers: Vec<(&'static str, Option<Vec<Turn>>)>,
    /// What a run has to do, and the machine's peak in each round.
    pub roof: Option<(Work, Vec<f64>)>,
}

/// A way of the peer: its worker and what it took so far, or why it failed.
type Peer = (&'static str, Result<(Worker, Vec<Turn>)>);

/// Runs `rounds` rounds. A way of the peer that fails is reported on standard error and left out.
pub fn run(
    case: &Case,
    ways: &[&'static str],
    (ours, python): (&Path, &Path),
    mut roof: Option<&mut Roof>,
    threads: usize,
    rounds: usize,
) -> Result<Rounds> {
    let mut own = Worker::start(environment::our_case(ours, case.name), threads)?;
    let mut peers: Vec<Peer> = Vec::new();
    for way in ways {
        let mut command = Command::new(python);
        command.arg(environment::peers_folder().join("worker.py"));
        command.args([case.name, way, &threads.to_string()]);
        peers.push((way, Worker::start(command, threads).map(|worker| (worker, Vec::new()))));
    }
    let runs = runs(own.turn(1)?.seconds);
    let (mut turns, mut peaks) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let back = round % 2 == 1;
        if back {
            peers.iter_mut().rev().for_each(|peer| take(peer, runs));
        }
        turns.push(own.turn(runs)?);
        // Beside ours, whichever way round.
        if let (Some(roof), Some(work)) = (roof.as_deref_mut(), &own.work) {
            peaks.push(roof.measure(work)?);
        }
        if !back {
            peers.iter_mut().for_each(|peer| take(peer, runs));
        }
    }
    let finished = |(way, peer): Peer| match peer {
        Ok((_, turns)) => (way, Some(turns)),
        Err(error) => {
            eprintln!("{}: the peer's way \"{way}\" failed: {error:#}", case.name);
            (way, None)
        }
    };
    let roof = own.work.filter(|_| !peaks.is_empty()).map(|work| (work, peaks));
    Ok(Rounds { ours: turns, peers: peers.into_iter().map(finished).collect(), roof })
}

/// One turn of a peer, unless it has failed.
fn take((_, peer): &mut (&'static str, Result<(Worker, Vec<Turn>)>), runs: usize) {
    if let Ok((worker, turns)) = peer {
        match worker.turn(runs).context("in the middle of the rounds") {
            Ok(turn) => turns.push(turn),
            Err(error) => *peer = Err(error),
        }
    }
}

/// Runs a turn, where one takes `seconds`.
fn runs(seconds: f64) -> usize {
    (TURN / seconds).ceil().clamp(1.0, 1000.0) as usize
}

/// The value below which a share `q` lies, between neighbours in proportion; 0 of nothing.
pub fn quantile(values: &[f64], q: f64) -> f64 {
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

    #[test]
    fn a_turn_is_long_enough_and_never_endless() {
        assert_eq!((runs(7.0), runs(0.1), runs(1e-9)), (1, 3, 1000));
    }
}
