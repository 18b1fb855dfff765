//! Variances of the columns and squared covariances between them, of the rows of one matrix.
//!
//! With X° = X − mean and C = X°ᵀ X° / (N − 1): v_j = C_jj and p = Σ_{j ≠ k} C_jk².
//! Shapes: x (N, D), v (D), p a scalar.
//!
//! Backward, with the gradients u of v and h of p: gx = X° (2 diag(u) + 4 h (C − diag C)) / (N − 1). The columns of X°
//! have mean zero, and so have those of gx.
//!
//! Cost: N D² operations forward, 2 N D² backward. C is symmetric: its tiles on and over the diagonal are made, by one
//! task each, and mirrored. C stays for the backward pass; every sum has one order whatever the number of threads.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use crate::matmul::{Matrix, sgemm};
use crate::memory::{Scratch, build};
use crate::norm::{ROWS, column_sums};
use crate::storage::{Forward, Shared, fast, slice, tensor_like, with};
use crate::tiles::Tiles;

/// The variance of each column, over N − 1, and the sum of the squared covariances of different columns:
/// (N, D) → (D), scalar.
pub fn column_covariances(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let (n, d) = x.dims2()?;
    if n < 2 || d == 0 {
        bail!("column_covariances: needs 2 or more rows and 1 or more columns, got {n} and {d}")
    }
    if !fast(&[x]) {
        return plain(x);
    }
    let both = x.contiguous()?.apply_op1(Covariances { matrix: Arc::default() })?;
    Ok((both.narrow(0, 0, d)?, both.get(d)?))
}

/// By candle's operations.
fn plain(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let (n, d) = x.dims2()?;
    let centred = x.broadcast_sub(&x.mean_keepdim(0)?)?;
    let variances = (centred.sqr()?.sum(0)? / (n - 1) as f64)?;
    let covariance = (centred.t()?.matmul(&centred)? / (n - 1) as f64)?; // (D, D)
    let off_diagonal = Tensor::eye(d, x.dtype(), x.device())?.affine(-1.0, 1.0)?;
    Ok((variances, (covariance * off_diagonal)?.sqr()?.sum_all()?))
}

struct Covariances {
    /// C, from the forward pass.
    matrix: Arc<OnceLock<Vec<f32>>>,
}

/// `x` less the mean of each column, in `out`.
fn centre(x: &[f32], d: usize, out: &mut [f32]) {
    let n = (x.len() / d) as f32;
    let means: Vec<f32> = column_sums(x, d).iter().map(|sum| sum / n).collect();
    let pieces = x.par_chunks(d * ROWS).zip(out.par_chunks_mut(d * ROWS));
    pieces.for_each(|(x, out)| subtract(x, &means, out));
}

wide! {
    fn subtract(x: &[f32], means: &[f32], out: &mut [f32]) {
        let d = means.len();
        for (x, out) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            for ((x, mean), out) in x.iter().zip(means).zip(out) {
                *out = x - mean;
            }
        }
    }

    /// `tile` times `factor`, in place, and the sum of the squares, in a row's and then the rows' order.
    fn scaled_squares(tile: &mut [f32], width: usize, factor: f32) -> f64 {
        let mut total = 0f64;
        for row in tile.chunks_exact_mut(width) {
            for v in row.iter_mut() {
                *v *= factor;
            }
            total += f64::from(crate::vector::sum_over([row], |[v]| v * v));
        }
        total
    }

    fn scale_into(from: &[f32], factor: f32, to: &mut [f32]) {
        for (from, to) in from.iter().zip(to) {
            *to = from * factor;
        }
    }
}

/// Tiles of the columns.
fn tiles(d: usize) -> Tiles {
    Tiles::new(d, 32, 128)
}

/// C in `matrix` and Σ_{j ≠ k} C_jk².
fn covariance(centred: &[f32], d: usize, matrix: Shared) -> Result<f32> {
    let n = centred.len() / d;
    let tiles = tiles(d);
    let pairs: Vec<(usize, usize)> = (0..tiles.count()).flat_map(|i| (i..tiles.count()).map(move |k| (i, k))).collect();
    let one = |&(i, k): &(usize, usize)| {
        let ((first, rows), (other, columns)) = (tiles.at(i), tiles.at(k));
        let mut tile = Scratch::new(rows * columns);
        let (left, right) = (Matrix::rows(&centred[first..], d).t(), Matrix::rows(&centred[other..], d));
        sgemm((rows, columns, n), left, right, &mut tile, columns, false)?;
        let mut squares = scaled_squares(&mut tile, columns, 1.0 / (n - 1) as f32);
        if i == k {
            squares -= tile.iter().step_by(columns + 1).map(|v| f64::from(v * v)).sum::<f64>();
        }
        for (r, row) in tile.chunks_exact(columns).enumerate() {
            // SAFETY: this task alone reads and writes the tile's place in the matrix, and its mirror's.
            unsafe { matrix.at((first + r) * d + other, columns) }.copy_from_slice(row);
        }
        for c in 0..if i == k { 0 } else { columns } {
            // SAFETY: as above.
            let mirrored = unsafe { matrix.at((other + c) * d + first, rows) };
            mirrored.iter_mut().enumerate().for_each(|(r, v)| *v = tile[r * columns + c]);
        }
        Ok(if i == k { squares } else { 2.0 * squares })
    };
    let squares: Vec<f64> = pairs.par_iter().map(one).collect::<Result<_>>()?;
    Ok(squares.iter().sum::<f64>() as f32)
}

/// gx, given the gradient (D + 1) of v and p.
fn gradient(x: &[f32], d: usize, matrix: &[f32], grad: &[f32], out: Shared) -> Result<()> {
    let n = x.len() / d;
    let mut centred = Scratch::new(x.len());
    centre(x, d, &mut centred);
    let (tiles, share) = (tiles(d), 1.0 / (n - 1) as f32);
    (0..tiles.count()).into_par_iter().try_for_each(|k| {
        let (first, columns) = tiles.at(k);
        // The columns of the matrix in brackets, as rows: it is symmetric.
        let mut weights = Scratch::new(columns * d);
        scale_into(&matrix[first * d..(first + columns) * d], 4.0 * grad[d] * share, &mut weights);
        for j in 0..columns {
            weights[j * d + first + j] = 2.0 * grad[first + j] * share;
        }
        let mut tile = Scratch::new(n * columns);
        sgemm((n, columns, d), Matrix::rows(&centred, d), Matrix::rows(&weights, d).t(), &mut tile, columns, false)?;
        for (r, row) in tile.chunks_exact(columns).enumerate() {
            // SAFETY: this task alone writes these columns.
            unsafe { out.at(r * d + first, columns) }.copy_from_slice(row);
        }
        Ok(())
    })
}

impl CustomOp1 for Covariances {
    fn name(&self) -> &'static str {
        "manabi-covariances"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let (x, (_, d)) = (slice(storage, layout, self.name())?, layout.shape().dims2()?);
        let mut centred = Scratch::new(x.len());
        centre(x, d, &mut centred);
        let mut penalty = 0.0;
        let fill = |matrix: &mut [f32]| {
            penalty = covariance(&centred, d, Shared::new(matrix))?;
            Ok::<(), candle_core::Error>(())
        };
        // SAFETY: the tiles and their mirrors cover the matrix, and each is written whole.
        let matrix = unsafe { build(d * d, fill)? };
        let mut values: Vec<f32> = matrix.iter().step_by(d + 1).copied().collect();
        values.push(penalty);
        // The forward pass runs once for each instance.
        let _ = self.matrix.set(matrix);
        Ok((CpuStorage::F32(values), (d + 1).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, d) = x.dims2()?;
        let Some(matrix) = self.matrix.get() else { bail!("column_covariances: the forward pass left no matrix") };
        let gx = with(x, |x| {
            with(grad, |g| {
                // SAFETY: the tiles cover all columns, and each is written whole.
                unsafe { build(x.len(), |gx| gradient(x, d, matrix, g, Shared::new(gx))) }
            })
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, finite_differences, flat, same_gradients, var};
    use candle_core::{DType, Device, Var};
    use proptest::prelude::*;

    /// Both results in one vector.
    fn joined((v, p): (Tensor, Tensor)) -> Tensor {
        Tensor::cat(&[v, p.unsqueeze(0).unwrap()], 0).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn covariances_agree_with_candles(n in 2usize..90, d in 1usize..200, mean in -3f64..3.0, seed: u64) {
            let x = Var::from_tensor(&(var(&[n, d], seed).as_tensor() + mean).unwrap()).unwrap();
            let ours = || joined(column_covariances(&x).unwrap());
            same_gradients(&[&x], ours, || joined(plain(&x).unwrap()), 3e-5);
        }
    }

    #[test]
    fn the_gradients_agree_with_finite_differences() {
        let x = var(&[6, 5], 1);
        finite_differences(&[&x], 1e-2, 1e-2, || joined(column_covariances(&x).unwrap()));
    }

    // x = torch.sin(torch.arange(12.) * 0.7).reshape(4, 3).requires_grad_(); c = torch.cov(x.T); v = c.diagonal()
    // p = c.pow(2).sum() - v.pow(2).sum(); v; p; (v.sum() + 3 * p).backward(); x.grad
    #[test]
    fn values_and_gradients_are_pytorchs() {
        let values: Vec<f32> = (0..12).map(|i| (f64::from(i) * 0.7).sin() as f32).collect();
        let x = Var::from_tensor(&Tensor::from_vec(values, (4, 3), &Device::Cpu).unwrap()).unwrap();
        let (v, p) = column_covariances(&x).unwrap();
        let grads = (v.sum_all().unwrap() + (&p * 3.0).unwrap()).unwrap().backward().unwrap();
        let near =
            |got: &[f32], want: &[f32]| got.iter().zip(want).all(|(a, b)| (a - b).abs() < 2e-6 * b.abs().max(1.0));
        let (v, p, g) = (flat(&v), flat(&p), flat(grads.get(&x).unwrap()));
        assert!(near(&v, &VARIANCES) && near(&p, &[PENALTY]) && near(&g, &GRADIENT), "{v:?} {p:?} {g:?}");
    }

    #[test]
    fn a_large_mean_costs_no_digits() {
        let x = var(&[50, 6], 3);
        let far = (x.as_tensor() + 1024.0).unwrap();
        let near = (&far - 1024.0).unwrap();
        close("moved", &joined(column_covariances(&far).unwrap()), &joined(column_covariances(&near).unwrap()), 1e-4);
    }

    #[test]
    fn the_bits_are_the_same_for_any_number_of_threads() {
        let x = var(&[150, 170], 3);
        let bits = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let y = joined(column_covariances(&x).unwrap());
                let grads = y.sum_all().unwrap().backward().unwrap();
                let all = [flat(&y), flat(grads.get(&x).unwrap())].concat();
                all.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            })
        };
        let one = bits(1);
        assert!(one == bits(2) && one == bits(5));
    }

    #[test]
    fn transposed_rows_and_other_types_give_the_same() {
        let x = var(&[7, 20], 1);
        let turned = || x.t().unwrap();
        let ours = || joined(column_covariances(&turned()).unwrap());
        same_gradients(&[&x], ours, || joined(plain(&turned()).unwrap()), 1e-5);
        let wide = joined(column_covariances(&turned().to_dtype(DType::F64).unwrap()).unwrap());
        close("f64", &ours(), &wide.to_dtype(DType::F32).unwrap(), 1e-6);
    }

    #[test]
    fn what_is_not_a_number_shows_and_too_few_rows_are_refused() {
        let mut values = vec![1f32; 12];
        values[4] = f32::NAN;
        let (v, p) = column_covariances(&Tensor::from_vec(values, (4, 3), &Device::Cpu).unwrap()).unwrap();
        assert!(flat(&v)[1].is_nan() && flat(&v)[0] == 0.0 && flat(&p)[0].is_nan());
        let message = column_covariances(&var(&[1, 3], 1)).unwrap_err().to_string();
        assert!(message.contains('1') && message.contains('3'), "{message}");
    }

    const VARIANCES: [f32; 3] = [0.5016798, 0.6057446, 0.7411108];
    const PENALTY: f32 = 0.8983282;
    const GRADIENT: [f32; 12] = [
        0.9966422, 1.914998, 1.532459, 0.6292111, 0.1437124, 0.2732249, -2.65432, -4.014006, -3.373488, 1.028467,
        1.955295, 1.567804,
    ];
}
