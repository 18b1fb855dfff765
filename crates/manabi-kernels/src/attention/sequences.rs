//! Which positions belong together, and which of them are keys.

use std::ops::Range;

/// Sequences one after the other, and the keys that each keeps.
pub(crate) struct Sequences {
    all: Vec<Sequence>,
    /// True if a position sees itself and those before it alone.
    causal: bool,
}

/// One sequence.
pub(super) struct Sequence {
    /// Its positions.
    pub(super) rows: Range<usize>,
    /// The positions that are keys, if they are not simply the first ones.
    pub(super) picked: Option<Vec<usize>>,
    /// How many keys there are.
    pub(super) keys: usize,
}

impl Sequences {
    /// Sequences of these lengths; `keep` says of each position whether it is a key.
    pub(super) fn new(lengths: &[usize], keep: Option<&[bool]>) -> Self {
        let mut first = 0;
        let sequence = |length: &usize| {
            let rows = first..first + length;
            first = rows.end;
            let Some(keep) = keep.and_then(|keep| keep.get(rows.clone())) else {
                return Sequence { keys: rows.len(), rows, picked: None };
            };
            let keys = keep.iter().filter(|keep| **keep).count();
            // Padding at the end leaves the first keys, which are read where they are.
            let picked = keep[..keys].contains(&false).then(|| {
                let kept = keep.iter().enumerate().filter(|(_, keep)| **keep);
                kept.map(|(i, _)| rows.start + i).collect()
            });
            Sequence { rows, picked, keys }
        };
        // An empty one has nothing to compute, nor a first row.
        Self { all: lengths.iter().filter(|length| **length > 0).map(sequence).collect(), causal: false }
    }

    /// The same, in which a position sees itself and those before it alone; all positions must be keys.
    pub(super) fn causal(self) -> Self {
        Self { causal: true, ..self }
    }

    /// True if a position sees itself and those before it alone.
    pub(super) fn is_causal(&self) -> bool {
        self.causal
    }

    /// All of them.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Sequence> {
        self.all.iter()
    }
}
