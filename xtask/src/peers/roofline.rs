//! How near a kernel comes to what the machine can do: operations or bytes a second, over the peak that is measured in
//! the same rounds.
//!
//! The roof of operations is the better of multiplying in registers alone and a product in the nearest caches; that of
//! bytes is a copy of 256 MiB (`benches/benches/peers/peak.rs`). What a kernel has to do is counted from its shape
//! (`benches/src/work.rs`). An algorithm that needs fewer operations than its definition says has a nominal rate, which
//! may exceed the peak, and an attained one. A tensor that stays in a cache can beat the copy.

use std::path::Path;

use anyhow::{Context, Result};

use super::{environment, worker::Worker};

/// What one run of a kernel has to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// Operations as the definition counts them, and how many of them cost one.
    Operations { nominal: f64, saving: f64 },
    /// Bytes read and written.
    Bytes(f64),
}

impl Work {
    /// What our worker says behind `ready`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["flop", nominal, saving] => {
                Some(Self::Operations { nominal: nominal.parse().ok()?, saving: saving.parse().ok()? })
            }
            ["byte", count] => Some(Self::Bytes(count.parse().ok()?)),
            _ => None,
        }
    }

    /// Operations or bytes.
    pub fn count(&self) -> f64 {
        match self {
            Self::Operations { nominal, .. } => *nominal,
            Self::Bytes(count) => *count,
        }
    }

    /// The line of a kernel that does `rate` a second where the peak is `peak`; `share` is the median of their ratio.
    pub fn line(&self, name: &str, rate: f64, peak: f64, share: f64) -> String {
        let (giga, peak) = (rate / 1e9, peak / 1e9);
        match self {
            Self::Bytes(_) => format!("roofline {name} {giga:.1} GB/s of {peak:.1}: {share:.2}"),
            Self::Operations { saving: 1.0, .. } => {
                format!("roofline {name} {giga:.0} GFLOP/s of {peak:.0}: {share:.2}")
            }
            Self::Operations { saving, .. } => format!(
                "roofline {name} {giga:.0} GFLOP/s (nominal) of {peak:.0}: {share:.2}, {:.0} (attained): {:.2}",
                giga / saving,
                share / saving
            ),
        }
    }
}

/// Workers that measure the machine.
pub struct Roof {
    operations: Vec<Worker>,
    bytes: Vec<Worker>,
}

impl Roof {
    /// With `threads` threads.
    pub fn start(ours: &Path, threads: usize) -> Result<Self> {
        let start = |name: &&str| Worker::start(environment::our_case(ours, name), threads);
        Ok(Self {
            operations: ["peak/fma", "peak/product"].iter().map(start).collect::<Result<_>>()?,
            bytes: ["peak/copy"].iter().map(start).collect::<Result<_>>()?,
        })
    }

    /// Operations or bytes a second at the peak, now.
    pub fn measure(&mut self, work: &Work) -> Result<f64> {
        let workers = match work {
            Work::Operations { .. } => &mut self.operations,
            Work::Bytes(_) => &mut self.bytes,
        };
        let mut best = 0.0_f64;
        for worker in workers {
            let count = worker.work.context("the worker of the machine's peak does not say what it does")?.count();
            best = best.max(count / worker.turn(1)?.seconds);
        }
        Ok(best)
    }

    /// The best of three, operations and bytes a second.
    pub fn best(&mut self) -> Result<(f64, f64)> {
        let mut best = (0.0_f64, 0.0_f64);
        for _ in 0..3 {
            best.0 = best.0.max(self.measure(&Work::Operations { nominal: 0.0, saving: 1.0 })?);
            best.1 = best.1.max(self.measure(&Work::Bytes(0.0))?);
        }
        Ok(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_nominal_and_attained_rates_where_they_differ() {
        let winograd = Work::parse(" flop 1000 4").unwrap();
        let line = winograd.line("conv/3x3-64@32", 412e9, 190e9, 2.17);
        assert_eq!(line, "roofline conv/3x3-64@32 412 GFLOP/s (nominal) of 190: 2.17, 103 (attained): 0.54");
        let product = Work::parse("flop 1000 1").unwrap();
        assert_eq!(product.line("matmul/x", 180e9, 200e9, 0.9), "roofline matmul/x 180 GFLOP/s of 200: 0.90");
        let bytes = Work::parse("byte 8").unwrap();
        assert_eq!(bytes.line("norm/x", 20e9, 25e9, 0.8), "roofline norm/x 20.0 GB/s of 25.0: 0.80");
    }

    #[test]
    fn a_case_of_several_kernels_has_no_roof() {
        assert_eq!(Work::parse(""), None);
        assert_eq!(Work::parse(" flop many 1"), None);
    }
}
