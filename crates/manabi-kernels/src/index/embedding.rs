//! Rows of a large table that training moves: word or code embeddings.
//!
//! candle's gradient of a table (V, D) is as large as the table, whatever part of it occurs: it is cleared, added to a
//! second cleared one, and an optimiser reads it all and writes its moments. For 30 000 x 256 that is 30 MB a pass and
//! about ten passes a step, for some hundred rows. Two ways:
//!
//! * [`embedding`]: an ordinary dense gradient, of which the kernel writes only the rows that occur. Right for small
//!   tables, and wherever the table is used otherwise too (as the output layer's weight).
//! * [`TableRows`]: the rows that a step needs, each once, copied into a variable of their own. The step looks up in that;
//!   its gradient is (rows, D), comes out of candle's store like any other, on every device and type, and goes with the
//!   rows' numbers ([`RowGradient`]) into an optimiser step that leaves all other rows alone
//!   ([`crate::optim::adamw_rows_step`], [`crate::optim::sgd_rows_step`]). Nothing of the table's size is touched.
//!
//! Shapes: table (V, D), y (ids, D). Cost of [`TableRows`]: sorting the ids, one copy of the rows, one search per look-up.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var, bail};

use super::check_ids;
use super::rows::pick;

/// The rows `ids` of `table` (V, D), in that order: (ids, D). The gradient is dense, (V, D).
pub fn embedding(table: &Tensor, ids: &[u32]) -> Result<Tensor> {
    pick("embedding", table, ids)
}

/// The rows of a table that take part in one step, as a variable of their own.
#[derive(Debug)]
pub struct TableRows {
    /// Ascending, each once.
    ids: Vec<u32>,
    rows: Var,
}

impl TableRows {
    /// Copies the rows `ids` of `table` (V, D); numbers may repeat. Give all that the step will look up.
    pub fn new(table: &Tensor, ids: &[u32]) -> Result<Self> {
        check_ids("table rows", ids, table.dims2()?.0, "row")?;
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let rows = Var::from_tensor(&pick("table rows", &table.detach(), &ids)?)?;
        Ok(Self { ids, rows })
    }

    /// The rows `ids` of the table, in that order: (ids, D). Only those given to [`TableRows::new`] are there.
    pub fn embedding(&self, ids: &[u32]) -> Result<Tensor> {
        let place = |id: &u32| match self.ids.binary_search(id) {
            Ok(place) => Ok(place as u32),
            Err(_) => bail!("table rows: row {id} is not among the {} that were taken for this step", self.ids.len()),
        };
        pick("table rows", &self.rows, &ids.iter().map(place).collect::<Result<Vec<_>>>()?)
    }

    /// Takes the gradient of the rows out of `store`; none if no look-up took part in the loss.
    pub fn into_gradient(self, store: &mut GradStore) -> Result<Option<RowGradient>> {
        store.remove(self.rows.as_tensor()).map(|rows| RowGradient::new(self.ids, &rows)).transpose()
    }
}

/// The gradient of some rows of a table (V, D); that of the others is zero.
#[derive(Clone, Debug)]
pub struct RowGradient {
    ids: Vec<u32>,
    rows: Tensor,
}

impl RowGradient {
    /// `rows` (ids, D) are the gradients of the rows `ids`, which ascend without repeating.
    pub fn new(ids: Vec<u32>, rows: &Tensor) -> Result<Self> {
        let (n, _) = rows.dims2()?;
        if ids.len() != n {
            bail!("row gradient: {} row numbers but {n} rows", ids.len())
        }
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] >= pair[1]) {
            bail!("row gradient: row numbers must ascend, but {} comes before {}", pair[0], pair[1])
        }
        Ok(Self { ids, rows: rows.detach().contiguous()? })
    }

    /// The rows' numbers, ascending.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The gradients (ids, D), without history.
    pub fn rows(&self) -> &Tensor {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, finite_differences, flat, same_gradients, var, weighted};
    use candle_core::{DType, Device};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn an_embedding_and_its_rows_alone_agree_with_candle(
            v in 1u32..60, d in 1usize..20, picks in prop::collection::vec(0u32..10_000, 1..400), seed: u64,
        ) {
            let table = var(&[v as usize, d], seed);
            let ids: Vec<u32> = picks.iter().map(|p| p % v).collect();
            let wanted = Tensor::new(&ids[..], &Device::Cpu).unwrap();
            let reference = || table.index_select(&wanted, 0).unwrap();
            same_gradients(&[&table], || embedding(&table, &ids).unwrap(), reference, 1e-5);
            let taken = TableRows::new(&table, &ids).unwrap();
            // Two look-ups of one step add up, as they do in a dense gradient.
            let (half, rest) = ids.split_at(ids.len() / 2);
            let y = Tensor::cat(&[&taken.embedding(half).unwrap(), &taken.embedding(rest).unwrap()], 0).unwrap();
            close("value", &y, &reference(), 0.0);
            let dense = weighted(&reference()).backward().unwrap();
            let mut store = weighted(&y).backward().unwrap();
            let sparse = taken.into_gradient(&mut store).unwrap().unwrap();
            let expected = embedding(dense.get(&table).unwrap(), sparse.ids()).unwrap();
            close("gradient", sparse.rows(), &expected, 1e-5);
            prop_assert!(store.get(&table).is_none());
        }
    }

    #[test]
    fn the_gradient_of_an_embedding_agrees_with_finite_differences() {
        let table = var(&[5, 3], 1);
        finite_differences(&[&table], 1e-2, 1e-2, || embedding(&table, &[4, 0, 0, 2]).unwrap());
    }

    #[test]
    fn rows_are_looked_up_in_other_types_too() {
        let table = var(&[5, 3], 1).to_dtype(DType::F64).unwrap();
        let taken = TableRows::new(&table, &[4, 1, 4]).unwrap();
        let y = taken.embedding(&[4, 4, 1]).unwrap();
        let mut store = y.sum_all().unwrap().backward().unwrap();
        let gradient = taken.into_gradient(&mut store).unwrap().unwrap();
        assert_eq!((gradient.ids(), gradient.rows().dtype()), (&[1, 4][..], DType::F64));
        assert_eq!(flat(&gradient.rows().to_dtype(DType::F32).unwrap()), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    }

    #[test]
    fn a_row_that_is_not_there_is_refused_with_both_numbers() {
        let table = var(&[5, 3], 1);
        let message = embedding(&table, &[7]).unwrap_err().to_string();
        assert!(message.contains('7') && message.contains('5'), "{message}");
        assert!(TableRows::new(&table, &[5]).is_err());
        let taken = TableRows::new(&table, &[1, 2]).unwrap();
        let message = taken.embedding(&[1, 3]).unwrap_err().to_string();
        assert!(message.contains("row 3") && message.contains("the 2"), "{message}");
        assert!(RowGradient::new(vec![1, 1], &var(&[2, 3], 1)).is_err());
        assert!(RowGradient::new(vec![1], &var(&[2, 3], 1)).is_err());
    }

    #[test]
    fn a_step_that_looks_nothing_up_has_no_gradient() {
        let table = var(&[5, 3], 1);
        let taken = TableRows::new(&table, &[]).unwrap();
        assert_eq!(taken.embedding(&[]).unwrap().dims(), [0, 3]);
        let mut store = table.sum_all().unwrap().backward().unwrap();
        assert!(taken.into_gradient(&mut store).unwrap().is_none());
    }
}
