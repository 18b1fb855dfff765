//! The inventory of a dataset: channels, lengths, missing shares, constant channels, copies.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use manabi_core::{Result, data::Source};
use rayon::prelude::*;

use crate::series::Series;

/// What a dataset of series is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Inventory {
    /// Number of rows.
    pub rows: usize,
    /// Channels of the rows with fewest and with most.
    pub channels: (usize, usize),
    /// Steps of the shortest, the median and the longest row.
    pub length: (usize, usize, usize),
    /// Share of the values that are missing.
    pub missing: f64,
    /// Rows in which something is missing.
    pub with_missing: usize,
    /// Channels, from 1, that have one value in all rows.
    pub constant: Vec<usize>,
    /// Groups of row numbers of equal values.
    pub copies: Vec<Vec<usize>>,
}

struct Seen {
    channels: usize,
    length: usize,
    missing: usize,
    /// Smallest and largest value of each channel.
    ranges: Vec<(f32, f32)>,
    hash: u64,
}

fn look(series: &Series) -> Seen {
    let mut hasher = DefaultHasher::new();
    series.channels.hash(&mut hasher);
    series.values.iter().for_each(|v| v.to_bits().hash(&mut hasher));
    let range = |row: &[f32]| {
        row.iter().filter(|v| !v.is_nan()).fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)))
    };
    Seen {
        channels: series.channels,
        length: series.length,
        missing: series.missing(),
        ranges: series.rows().map(range).collect(),
        hash: hasher.finish(),
    }
}

/// Looks at every row of `source`; `None` if there is none.
pub fn inspect(source: &dyn Source<Series>) -> Result<Option<Inventory>> {
    let seen: Vec<Seen> =
        (0..source.len()).into_par_iter().map(|row| Ok(look(source.load(row)?.as_ref()))).collect::<Result<_>>()?;
    let mut lengths: Vec<usize> = seen.iter().map(|s| s.length).collect();
    lengths.sort_unstable();
    let (Some(shortest), Some(longest)) = (lengths.first(), lengths.last()) else { return Ok(None) };
    let channels = seen.iter().map(|s| s.channels);
    let (fewest, most) = (channels.clone().min().unwrap_or(0), channels.max().unwrap_or(0));
    let constant = (0..most)
        .filter(|c| {
            let ranges = seen.iter().filter_map(|s| s.ranges.get(*c));
            let (low, high) = ranges.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), r| (a.min(r.0), b.max(r.1)));
            low >= high
        })
        .map(|c| c + 1)
        .collect();
    let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    for (row, s) in seen.iter().enumerate() {
        by_hash.entry(s.hash).or_default().push(row);
    }
    let mut copies: Vec<Vec<usize>> = by_hash.into_values().filter(|rows| rows.len() > 1).collect();
    copies.sort_unstable();
    let values: usize = seen.iter().map(|s| s.channels * s.length).sum();
    let missing: usize = seen.iter().map(|s| s.missing).sum();
    Ok(Some(Inventory {
        rows: seen.len(),
        channels: (fewest, most),
        length: (*shortest, lengths[(lengths.len() - 1) / 2], *longest),
        missing: missing as f64 / values.max(1) as f64,
        with_missing: seen.iter().filter(|s| s.missing > 0).count(),
        constant,
        copies,
    }))
}

impl Inventory {
    /// The same as `(name, value)`, for a table; `id` names a row.
    pub fn facts(&self, id: impl Fn(usize) -> String) -> Vec<(String, String)> {
        let (fewest, most) = self.channels;
        let (shortest, median, longest) = self.length;
        let channels = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
        let length =
            if shortest == longest { longest.to_string() } else { format!("{shortest} to {longest}, median {median}") };
        let constant = match self.constant[..] {
            [] => "none".to_string(),
            _ => format!("number {}", self.constant.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        let copies = match self.copies.first().map(Vec::as_slice) {
            Some([first, second, ..]) => {
                let rows: usize = self.copies.iter().map(Vec::len).sum();
                format!("{rows} rows in {} groups, such as {} and {}", self.copies.len(), id(*first), id(*second))
            }
            _ => "none".to_string(),
        };
        let missing = match self.with_missing {
            0 => "none".to_string(),
            rows => format!("{:.2} % of all, in {rows} of {} rows", 100.0 * self.missing, self.rows),
        };
        vec![
            ("channels".into(), channels),
            ("steps a row".into(), length),
            ("missing values".into(), missing),
            ("constant channels".into(), constant),
            ("equal content".into(), copies),
        ]
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::data::{Entry, Listing, MemorySource};

    use super::*;

    #[test]
    fn missing_values_constant_channels_and_copies_are_found() {
        let rows = [vec![1.0, 2.0, 5.0, 5.0], vec![1.0, f32::NAN, 5.0, 5.0], vec![1.0, 2.0, 5.0, 5.0]];
        let series = rows.iter().map(|v| Series::new(2, 2, v.clone()).unwrap()).collect();
        let entries = (0..3).map(|i| Entry::new(i.to_string(), "")).collect();
        let source = MemorySource::new(Listing { entries, ..Listing::default() }, series).unwrap();
        let found = inspect(&source).unwrap().unwrap();
        assert_eq!((found.channels, found.length, found.with_missing), ((2, 2), (2, 2, 2), 1));
        assert_eq!((&found.constant[..], &found.copies[..]), (&[2][..], &[vec![0, 2]][..]));
        let facts = found.facts(|row| format!("row {row}"));
        assert_eq!(facts[2].1, "8.33 % of all, in 1 of 3 rows");
        assert_eq!(facts[4].1, "2 rows in 1 groups, such as row 0 and row 2");
    }
}
