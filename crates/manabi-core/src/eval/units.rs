//! What is drawn as a whole when test rows are resampled.
//!
//! Frames of one recording or near-copies of one part are not independent: their mistakes go together, and an
//! interval that draws them one by one promises more than it knows. So rows of a group are drawn together (the
//! cluster bootstrap, Davison & Hinkley 1997, §3.8). Without groups each row is a unit.

use crate::{Error, Result};

/// Test rows by unit: unit `u` is `rows[starts[u]..starts[u + 1]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Units {
    /// Every one of `rows` rows by itself.
    pub fn rows(rows: usize) -> Result<Self> {
        let rows = count(rows)?;
        Ok(Self { starts: (0..=rows).collect(), rows: (0..rows).collect() })
    }

    /// Rows of one group together; `groups[row]` is the group's number. Units stand in the order of their first rows.
    pub fn groups(groups: &[u64]) -> Result<Self> {
        let total = count(groups.len())?;
        let mut first = std::collections::BTreeMap::new();
        (0..total).for_each(|row| {
            first.entry(groups[row as usize]).or_insert(row);
        });
        let mut rows: Vec<u32> = (0..total).collect();
        rows.sort_by_key(|&row| (first[&groups[row as usize]], row));
        let new = |i: &u32| *i == 0 || groups[rows[*i as usize] as usize] != groups[rows[*i as usize - 1] as usize];
        let starts = (0..total).filter(new).chain([total]).collect();
        Ok(Self { starts, rows })
    }

    /// By group where there are groups, by row otherwise.
    pub fn of(rows: usize, groups: Option<&[u64]>) -> Result<Self> {
        groups.map_or_else(|| Self::rows(rows), Self::groups)
    }

    /// Number of units.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// True if there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The rows of one unit.
    pub fn unit(&self, unit: usize) -> &[u32] {
        &self.rows[self.starts[unit] as usize..self.starts[unit + 1] as usize]
    }

    /// The sum of `values` over each unit's rows.
    pub fn sums(&self, values: &[f64]) -> Vec<f64> {
        (0..self.len()).map(|unit| self.unit(unit).iter().map(|&row| values[row as usize]).sum()).collect()
    }
}

fn count(rows: usize) -> Result<u32> {
    u32::try_from(rows).map_err(|_| Error::data(format!("{rows} test rows are more than can be resampled")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_group_stand_together_wherever_they_are() {
        let units = Units::groups(&[7, 3, 7, 9, 3, 7]).unwrap();
        let all: Vec<&[u32]> = (0..units.len()).map(|u| units.unit(u)).collect();
        assert_eq!(all, [&[0, 2, 5][..], &[1, 4], &[3]]);
        assert_eq!(units.sums(&[1.0, 10.0, 2.0, 100.0, 20.0, 4.0]), [7.0, 30.0, 100.0]);
    }

    #[test]
    fn groups_of_one_row_are_rows() {
        assert_eq!(Units::groups(&[5, 4, 6]).unwrap(), Units::rows(3).unwrap());
        assert!(Units::rows(0).unwrap().is_empty() && Units::groups(&[]).unwrap().is_empty());
    }
}
