//! Where TS2Vec's two crops lie: the arithmetic of the authors' program (`ts2vec.py`, `fit`), arXiv:2106.10466.
//!
//! ```text
//! series   |------------------------------------|
//! first        e₁====================r
//! second               l==========================e₂
//! overlap              l=============r
//! ```
//!
//! All four places are drawn once for the batch; then each row moves both crops together by an offset of its own, as
//! far as the series allows.

use manabi_core::{
    Error, Result,
    method::Step,
    rng::{Key, Purpose},
};

/// Fewest time stamps of an overlap: two, so that there is something to tell apart.
const SHORTEST: usize = 2;

/// One crop of each row.
pub(super) struct Crop {
    /// The first time stamp in each row.
    pub(super) starts: Vec<usize>,
    /// Time stamps, the same number in all rows.
    pub(super) length: usize,
}

/// Two crops of each row.
pub(super) struct Crops {
    pub(super) first: Crop,
    pub(super) second: Crop,
    /// Time stamps at the end of the first and at the start of the second.
    pub(super) overlap: usize,
}

impl Crops {
    /// Of `rows` series of `length` time stamps; a function of the seed and the step.
    ///
    /// # Errors
    /// If the series are too short for an overlap.
    pub(super) fn draw(step: &Step, rows: usize, length: usize) -> Result<Self> {
        if length < SHORTEST {
            return Err(Error::data(format!(
                "TS2Vec compares overlapping crops: series need {SHORTEST} time stamps or more, not {length}"
            )));
        }
        let mut rng = Key::new(step.seed, Purpose::Method).epoch(step.index).rng();
        let overlap = SHORTEST + rng.below(length - SHORTEST + 1);
        let left = rng.below(length - overlap + 1);
        let right = left + overlap;
        let far_left = rng.below(left + 1);
        let far_right = right + rng.below(length - right + 1);
        // Rows move by −far_left to length − far_right; all starts shifted by far_left, so that none is negative.
        let moves: Vec<usize> = (0..rows).map(|_| rng.below(far_left + length - far_right + 1)).collect();
        let starts = |from: usize| moves.iter().map(|by| from - far_left + by).collect();
        Ok(Self {
            first: Crop { starts: starts(far_left), length: right - far_left },
            second: Crop { starts: starts(left), length: far_right - left },
            overlap,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(index: u64, length: usize) -> Crops {
        let step = Step { index, total: 10, epoch: 0, seed: 3, samples: &[], labels: &[] };
        Crops::draw(&step, 5, length).unwrap()
    }

    #[test]
    fn crops_lie_in_the_series_and_overlap_where_they_say() {
        for length in [2, 3, 7, 100] {
            for index in 0..200 {
                let crops = draw(index, length);
                assert!(crops.overlap >= 2 && crops.overlap <= length);
                for (a, b) in crops.first.starts.iter().zip(&crops.second.starts) {
                    assert!(a + crops.first.length <= length && b + crops.second.length <= length);
                    assert_eq!(a + crops.first.length - crops.overlap, *b);
                }
            }
        }
    }

    #[test]
    fn lengths_of_overlaps_are_spread_over_all_of_the_series() {
        let overlaps: Vec<usize> = (0..400).map(|index| draw(index, 11).overlap).collect();
        for wanted in 2..=11 {
            let count = overlaps.iter().filter(|o| **o == wanted).count();
            assert!((15..=75).contains(&count), "{wanted} came {count} times in 400");
        }
    }

    #[test]
    fn the_same_step_draws_the_same_crops_and_rows_differ() {
        let (a, b, other) = (draw(7, 100), draw(7, 100), draw(8, 100));
        assert_eq!((a.overlap, &a.first.starts), (b.overlap, &b.first.starts));
        assert_ne!((a.overlap, &a.first.starts), (other.overlap, &other.first.starts));
        assert!((0..50).any(|index| draw(index, 100).first.starts.windows(2).any(|w| w[0] != w[1])));
    }

    #[test]
    fn a_series_of_one_time_stamp_is_refused_with_its_length() {
        let step = Step { index: 0, total: 10, epoch: 0, seed: 3, samples: &[], labels: &[] };
        let message = Crops::draw(&step, 5, 1).err().unwrap().to_string();
        assert!(message.contains("not 1"), "{message}");
    }
}
