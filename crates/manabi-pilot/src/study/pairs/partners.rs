//! The second members of pairs, as a dataset of their own.

use std::sync::Arc;

use manabi_core::{
    Error, Result,
    data::{Record, Skipped, Source},
    modality::Modality,
};

/// Row for row the partner of what the source of pairs holds.
pub struct Partners<'a, M: Modality>(pub &'a dyn Source<M::Sample>);

impl<M: Modality> Partners<'_, M> {
    /// True if the row has a partner.
    pub fn has(&self, row: usize) -> bool {
        self.0.load(row).is_ok_and(|sample| M::partner(&sample).is_some())
    }
}

impl<M: Modality> Source<M::Sample> for Partners<'_, M> {
    fn records(&self) -> &[Record] {
        self.0.records()
    }
    fn classes(&self) -> &[String] {
        self.0.classes()
    }
    fn load(&self, index: usize) -> Result<Arc<M::Sample>> {
        let partner = M::partner(&*self.0.load(index)?);
        let id = &self.0.records()[index].id;
        partner.map(Arc::new).ok_or_else(|| Error::data(format!("{id}: has no second member to be compared with")))
    }
    fn skipped(&self) -> &[Skipped] {
        self.0.skipped()
    }
}
