//! The order in which tiles of a matrix are worked on: in rounds, within which no two tiles have a row or a column of
//! tiles in common.
//!
//! A tile may therefore add to what belongs to its rows and to its columns without a lock, and the order in which each
//! of these receives its parts is the order of the rounds: the same for every number of threads.

use candle_core::Result;
use rayon::prelude::*;

/// Rows cut into tiles of one size, the last one maybe smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles {
    rows: usize,
    size: usize,
}

impl Tiles {
    /// Tiles of at most `most` rows; fewer rows where there would be less than sixteen tiles, so that the threads find
    /// work, but not under `least`.
    pub(crate) fn new(rows: usize, least: usize, most: usize) -> Self {
        Self { rows, size: rows.div_ceil(16).next_multiple_of(8).clamp(least, most) }
    }

    /// How many there are.
    pub(crate) fn count(self) -> usize {
        self.rows.div_ceil(self.size)
    }

    /// First row and number of rows of tile `i`.
    pub(crate) fn at(self, i: usize) -> (usize, usize) {
        let first = i * self.size;
        (first, self.size.min(self.rows - first))
    }
}

/// Calls `f(i, k)` for all `i` below `rows` and `k` below `columns`, in rounds along the diagonals.
pub(crate) fn grid(rows: usize, columns: usize, f: impl Fn(usize, usize) -> Result<()> + Sync) -> Result<()> {
    let rounds = rows.max(columns);
    for round in 0..rounds {
        (0..rows).into_par_iter().try_for_each(|i| {
            let k = (i + round) % rounds;
            if k < columns { f(i, k) } else { Ok(()) }
        })?;
    }
    Ok(())
}

/// Calls `f(i, k)` for all `i ≤ k` below `count`: first the diagonal, then the rounds of a tournament in which everyone
/// meets everyone (the circle method: one seat stays, the others move on by one).
pub(crate) fn pairs(count: usize, f: impl Fn(usize, usize) -> Result<()> + Sync) -> Result<()> {
    (0..count).into_par_iter().try_for_each(|i| f(i, i))?;
    let moving = count.next_multiple_of(2).saturating_sub(1);
    for round in 0..moving {
        (0..count.div_ceil(2)).into_par_iter().try_for_each(|seat| {
            let one = if seat == 0 { moving } else { (round + seat) % moving };
            let other = (round + moving - seat) % moving;
            // With an odd number one of them sits out.
            if one.max(other) < count { f(one.min(other), one.max(other)) } else { Ok(()) }
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn every_pair_meets_once_and_nobody_plays_twice_in_a_round() {
        for count in 1..20 {
            let met = Mutex::new(Vec::new());
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let note = |i, k| {
                met.lock().unwrap().push((i, k));
                Ok(())
            };
            pool.install(|| pairs(count, note).unwrap());
            let met = met.into_inner().unwrap();
            for round in met[count..].chunks((count / 2).max(1)) {
                let mut players: Vec<usize> = round.iter().flat_map(|(i, k)| [*i, *k]).collect();
                players.sort_unstable();
                players.dedup();
                assert_eq!(players.len(), 2 * round.len(), "{count}: {round:?}");
            }
            let mut all = met.clone();
            all.sort_unstable();
            let expected: Vec<_> = (0..count).flat_map(|i| (i..count).map(move |k| (i, k))).collect();
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn a_grid_is_covered_once() {
        for (rows, columns) in [(1, 1), (1, 7), (5, 2), (4, 4)] {
            let met = Mutex::new(Vec::new());
            let note = |i, k| {
                met.lock().unwrap().push((i, k));
                Ok(())
            };
            grid(rows, columns, note).unwrap();
            let mut met = met.into_inner().unwrap();
            met.sort_unstable();
            assert_eq!(met, (0..rows).flat_map(|i| (0..columns).map(move |k| (i, k))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn tiles_cover_the_rows_and_are_small_for_few_rows() {
        for (rows, size) in [(1, 64), (512, 64), (2048, 128), (65_536, 256), (5_001, 256)] {
            let tiles = Tiles::new(rows, 64, 256);
            assert_eq!(tiles.size, size);
            assert_eq!((0..tiles.count()).map(|i| tiles.at(i).1).sum::<usize>(), rows);
        }
    }
}
