//! Blocked products of row-major matrices on the CPU, in safe code: candle's matrix product (the `gemm` crate under
//! rayon) on blocks of rows, with sums in f64 and in the order of the rows.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::features::Features;
use crate::error::Result;

/// Rows in a block of a product: enough work for a thread, small enough for its cache.
pub(crate) const BLOCK: usize = 1024;

/// A matrix `(rows, columns)` on the CPU.
pub(crate) fn tensor(data: &[f32], rows: usize, columns: usize) -> Result<Tensor> {
    Ok(Tensor::from_slice(data, (rows, columns), &Device::Cpu)?)
}

/// The rows of `features` as matrices of at most `block` rows.
pub(crate) fn blocks(features: &Features, block: usize) -> Result<Vec<Tensor>> {
    let dim = features.dim();
    features.data().chunks(block * dim).map(|rows| tensor(rows, rows.len() / dim, dim)).collect()
}

/// `left · rightᵀ`, row-major.
pub(crate) fn dots(left: &Tensor, right: &Tensor) -> Result<Vec<f32>> {
    Ok(left.matmul(&right.t()?)?.flatten_all()?.to_vec1()?)
}

/// The sum of the dot product, in eight lanes that the compiler can keep in vector registers.
pub(crate) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a, b) = (left.chunks_exact(8), right.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a.zip(b) {
        for ((lane, x), y) in lanes.iter_mut().zip(a).zip(b) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// The mean of each column.
pub(crate) fn column_means(features: &Features) -> Vec<f64> {
    let mut means = column_sums(features, |_, value| f64::from(value));
    let rows = features.rows().max(1) as f64;
    means.iter_mut().for_each(|mean| *mean /= rows);
    means
}

/// The sum of `f(column, value)` over each column; blocks in parallel, added in order.
pub(crate) fn column_sums(features: &Features, f: impl Fn(usize, f32) -> f64 + Sync) -> Vec<f64> {
    let dim = features.dim();
    let parts: Vec<Vec<f64>> = features
        .data()
        .par_chunks(BLOCK * dim)
        .map(|block| {
            let mut sums = vec![0.0; dim];
            for row in block.chunks_exact(dim) {
                for (column, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += f(column, value);
                }
            }
            sums
        })
        .collect();
    let mut total = vec![0.0; dim];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
    }
    total
}

/// `(X - mean)ᵀ (X - mean)`, `(dim, dim)`, or with `by_rows` the `(rows, rows)` matrix `(X - mean)(X - mean)ᵀ` that has
/// the same eigenvalues. In f64, because the square root of a rounding error of f32 is no small number.
pub(crate) fn gram(features: &Features, mean: Option<&[f64]>, by_rows: bool) -> Result<Vec<f64>> {
    let dim = features.dim();
    let centred = |rows: &[f32]| -> Result<Tensor> {
        let data: Vec<f64> = match mean {
            Some(mean) => {
                rows.chunks_exact(dim).flat_map(|row| row.iter().zip(mean).map(|(&x, m)| f64::from(x) - m)).collect()
            }
            None => rows.iter().map(|&x| f64::from(x)).collect(),
        };
        Ok(Tensor::from_vec(data, (rows.len() / dim, dim), &Device::Cpu)?)
    };
    if by_rows {
        let x = centred(features.data())?;
        return Ok(x.matmul(&x.t()?)?.flatten_all()?.to_vec1()?);
    }
    let mut total = Tensor::zeros((dim, dim), DType::F64, &Device::Cpu)?;
    for rows in features.data().chunks(4 * BLOCK * dim) {
        let x = centred(rows)?;
        total = (total + x.t()?.matmul(&x)?)?;
    }
    Ok(total.flatten_all()?.to_vec1()?)
}
