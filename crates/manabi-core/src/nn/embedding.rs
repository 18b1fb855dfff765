//! A table of vectors, looked up by number: words, codes, kinds of nodes.

use candle_core::Tensor;
use manabi_kernels::index::embedding;

use super::{Init, Params, Role};
use crate::Result;

/// BERT's.
const STD: f32 = 0.02;

/// Vectors by number.
#[derive(Clone, Debug)]
pub struct Embedding {
    table: Tensor,
}

impl Embedding {
    /// `count` vectors of `dim` numbers, normal with standard deviation 0.02 cut at two of them (BERT).
    pub fn new(params: &Params, count: usize, dim: usize) -> Result<Self> {
        Ok(Self { table: params.get("weight", (count, dim), Init::TruncatedNormal(STD), Role::Weight)? })
    }

    /// # Shapes
    /// Numbers (N) → `(N, D)`.
    ///
    /// # Errors
    /// Where a number is not below the count; the message names both.
    pub fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        Ok(embedding(&self.table, ids)?)
    }

    /// The table `(V, D)`, for an output layer that shares it.
    pub fn table(&self) -> &Tensor {
        &self.table
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn rows_come_in_the_order_of_their_numbers_and_repeated_ones_gather_gradients() {
        let params = Params::new(3, &Device::Cpu);
        let layer = Embedding::new(&params, 4, 2).unwrap();
        let table = layer.table().to_vec2::<f32>().unwrap();
        let y = layer.forward(&[3, 0, 3]).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [&table[3][..], &table[0], &table[3]]);
        let grads = y.sum_all().unwrap().backward().unwrap();
        let grad = grads.get(layer.table()).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(grad, [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [2.0, 2.0]]);
    }

    #[test]
    fn a_number_beyond_the_table_is_refused_with_both_numbers() {
        let layer = Embedding::new(&Params::new(0, &Device::Cpu), 4, 2).unwrap();
        let message = layer.forward(&[1, 4]).unwrap_err().to_string();
        assert!(message.contains('4'), "{message}");
    }
}
