//! What is printed of a case.

use super::{
    rounds::{Rounds, quantile},
    worker::Turn,
};

/// Columns of a terminal that a line is folded to.
const COLUMNS: usize = 80;

/// We beside one way of the peer.
struct Comparison<'a> {
    way: &'a str,
    turns: &'a [Turn],
    /// The peer's seconds over ours, round by round.
    ratios: Vec<f64>,
}

impl Comparison<'_> {
    fn ratio(&self) -> f64 {
        quantile(&self.ratios, 0.5)
    }
}

/// `kind/shape ours=… peer=… ratio=…` and what else was measured, and the roofline of a kernel.
pub fn lines(name: &str, rounds: &Rounds) -> Vec<String> {
    let mut compile = None;
    let mut plain: Vec<Comparison<'_>> = Vec::new();
    for (way, turns) in &rounds.peers {
        let comparison = turns.as_ref().map(|turns| {
            let ratios = turns.iter().zip(&rounds.ours).map(|(peer, own)| peer.seconds / own.seconds).collect();
            Comparison { way, turns, ratios }
        });
        match (*way, comparison) {
            ("compile", comparison) => compile = Some(comparison),
            (_, comparison) => plain.extend(comparison),
        }
    }
    let ours = &rounds.ours;
    let (memory, faults) = (memory(ours), faults(ours));
    // The fastest way of the peer is what we are measured against.
    let best = plain.iter().min_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    let mut parts = vec![name.to_string(), format!("ours={}", time(ours))];
    match best {
        Some(best) => parts.extend([format!("peer={}", time(best.turns)), format!("ratio={:.2}", best.ratio())]),
        None => parts.push("peer=failed".into()),
    }
    match compile {
        Some(Some(compile)) => parts.push(format!("compile={:.2}", compile.ratio())),
        Some(None) => parts.push("compile=failed".into()),
        None => {}
    }
    match best {
        Some(best) => {
            let theirs = self::memory(best.turns);
            parts.extend([
                format!("quartiles={:.2}-{:.2}", quantile(&best.ratios, 0.25), quantile(&best.ratios, 0.75)),
                format!("way={}", best.way),
                format!("memory={}MiB/{}MiB", memory >> 20, theirs >> 20),
                format!("memory-ratio={:.2}", theirs as f64 / memory.max(1) as f64),
                format!("faults={faults}/{}", self::faults(best.turns)),
            ]);
        }
        None => parts.extend([format!("memory={}MiB", memory >> 20), format!("faults={faults}")]),
    }
    let mut lines = vec![parts.join(" ")];
    if let Some((work, peaks)) = &rounds.roof {
        let rates: Vec<f64> = ours.iter().map(|turn| work.count() / turn.seconds).collect();
        let shares: Vec<f64> = rates.iter().zip(peaks).map(|(rate, peak)| rate / peak).collect();
        lines.push(work.line(name, quantile(&rates, 0.5), quantile(peaks, 0.5), quantile(&shares, 0.5)));
    }
    lines
}

/// The line, broken between its parts so that a terminal of 80 columns shows it without tearing any.
pub fn folded(line: &str) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for part in line.split(' ') {
        if width > 0 && width + 1 + part.len() > COLUMNS {
            text.push_str("\n   ");
            width = 3;
        }
        if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(part);
        width += part.len();
    }
    text
}

fn time(turns: &[Turn]) -> String {
    let seconds: Vec<f64> = turns.iter().map(|turn| turn.seconds).collect();
    let milliseconds = 1e3 * quantile(&seconds, 0.5);
    if milliseconds < 10.0 { format!("{milliseconds:.2}ms") } else { format!("{milliseconds:.1}ms") }
}

/// The largest so far, in bytes.
fn memory(turns: &[Turn]) -> u64 {
    turns.iter().map(|turn| turn.peak_memory).max().unwrap_or(0)
}

/// Minor page faults of a run, median.
fn faults(turns: &[Turn]) -> u64 {
    quantile(&turns.iter().map(|turn| turn.faults as f64).collect::<Vec<_>>(), 0.5) as u64
}

#[cfg(test)]
mod tests {
    use super::{super::roofline::Work, *};

    fn turns(seconds: [f64; 3], peak_memory: u64) -> Vec<Turn> {
        seconds.map(|seconds| Turn { seconds, peak_memory, faults: 7 }).to_vec()
    }

    fn rounds(compile: Option<Vec<Turn>>) -> Rounds {
        Rounds {
            ours: turns([1.0, 2.0, 4.0], 1 << 30),
            peers: vec![
                ("eager", Some(turns([3.0, 6.0, 12.0], 3 << 30))),
                ("channels_last", Some(turns([1.5, 2.0, 8.0], 2 << 30))),
                ("compile", compile),
            ],
            roof: Some((Work::Bytes(1e10), vec![2e10; 3])),
        }
    }

    #[test]
    fn a_line_compares_with_the_fastest_way_and_names_compile() {
        let lines = lines("step/x", &rounds(Some(turns([0.5, 1.0, 2.0], 1))));
        assert_eq!(
            lines,
            [
                "step/x ours=2000.0ms peer=2000.0ms ratio=1.50 compile=0.50 quartiles=1.25-1.75 way=channels_last \
                 memory=1024MiB/2048MiB memory-ratio=2.00 faults=7/7",
                "roofline step/x 5.0 GB/s of 20.0: 0.25"
            ]
        );
    }

    #[test]
    fn a_way_that_failed_is_named_and_the_others_stay() {
        assert!(lines("step/x", &rounds(None))[0].contains("ratio=1.50 compile=failed "));
        let alone = Rounds { ours: turns([1.0; 3], 1 << 30), peers: vec![("eager", None)], roof: None };
        assert_eq!(lines("step/x", &alone), ["step/x ours=1000.0ms peer=failed memory=1024MiB faults=7"]);
    }

    #[test]
    fn folded_lines_fit_a_terminal_and_lose_nothing() {
        let line = &lines("step/simclr-resnet18-bf16", &rounds(None))[0];
        let folded = folded(line);
        assert!(folded.lines().count() > 1 && folded.lines().all(|line| line.len() <= COLUMNS), "{folded}");
        assert_eq!(folded.split_whitespace().collect::<Vec<_>>(), line.split_whitespace().collect::<Vec<_>>());
    }
}
