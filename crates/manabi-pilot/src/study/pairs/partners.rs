//! The second members of pairs, as a dataset of their own.

use std::sync::Arc;

use manabi_core::{
    Error, Result,
    data::{Record, Skipped, Source},
    modality::Modality,
};

/// Row for row the partner of what `source` holds.
pub struct Partners<'a, M: Modality> {
    /// The modality that knows what a partner is.
    pub modality: &'a M,
    /// The pairs.
    pub source: &'a dyn Source<M::Sample>,
}

impl<M: Modality> Partners<'_, M> {
    /// True if the row has a partner.
    pub fn has(&self, row: usize) -> bool {
        self.source.load(row).is_ok_and(|sample| self.modality.partner(&sample).is_some())
    }
}

impl<M: Modality> Source<M::Sample> for Partners<'_, M> {
    fn records(&self) -> &[Record] {
        self.source.records()
    }
    fn classes(&self) -> &[String] {
        self.source.classes()
    }
    fn load(&self, index: usize) -> Result<Arc<M::Sample>> {
        let partner = self.modality.partner(&*self.source.load(index)?);
        let id = &self.source.records()[index].id;
        partner.map(Arc::new).ok_or_else(|| Error::data(format!("{id}: has no second member to be compared with")))
    }
    fn skipped(&self) -> &[Skipped] {
        self.source.skipped()
    }
}
