//! TS2Vec's hierarchical contrastive loss, arXiv:2106.10466, section 3.3.
//!
//! Of the representations `a`, `b` of the same time stamps in two crops, and `s = z zᵀ` without temperature or norm:
//!
//! *Instance*: at each time stamp the `2N` rows of both crops; a row's other crop against all other rows.
//! *Temporal*: in each series the `2T` time stamps of both crops; a time stamp in the other crop against all others.
//! Both are `mean [log Σ_{k ≠ i} exp s(i, k) − s(i, pair(i))]`, and share the second term. They are taken at every
//! scale: `a` and `b` are max-pooled by 2 over time until one time stamp is left, and
//! `ℓ = mean over scales [α · instance + (1 − α) · temporal]`; the last scale, of one time stamp, has no temporal term.
//!
//! Cost: `4·N·T·(N + T)·D` multiply-adds forward on the first scale, half and less on each further one; memory for the
//! `(T, 2N, 2N)` products between series, none for those between time stamps.

use candle_core::{DType, Tensor};
use manabi_core::{Error, Result};
use manabi_kernels::{logsumexp::log_sum_exp_gram, loss::cross_entropy, pool::max_pool1d};

use super::fused::Hierarchical;

/// What is added to the product of a row with itself: it then has no part in any sum.
const HIDDEN: f64 = -1e30;

/// # Shapes
/// `a`, `b`: `(N, T, D)`, row and time stamp the same in both → scalar.
///
/// # Errors
/// If the shapes differ, there is no time stamp, or `alpha` is not a share.
pub fn hierarchical(a: &Tensor, b: &Tensor, alpha: f64) -> Result<Tensor> {
    let (n, t, d) = a.dims3()?;
    if a.dims() != b.dims() || n == 0 || t == 0 || d == 0 {
        return Err(Error::config(format!(
            "the hierarchical loss needs two crops of one shape (N, T, D), not {:?} and {:?}",
            a.dims(),
            b.dims()
        )));
    }
    if !(0.0..=1.0).contains(&alpha) {
        return Err(Error::config(format!("alpha, the share of the instance loss, is {alpha}; it must be 0 to 1")));
    }
    // Time last, as encoders have it inside.
    let last = |z: &Tensor| z.transpose(1, 2)?.contiguous();
    if [a, b].iter().all(|z| z.device().is_cpu() && z.dtype() == DType::F32) {
        return Ok(last(a)?.apply_op2(&last(b)?, Hierarchical::new(alpha))?);
    }
    composed(a, b, alpha)
}

/// The same by single operations.
fn composed(a: &Tensor, b: &Tensor, alpha: f64) -> Result<Tensor> {
    let t = a.dim(1)?;
    let mut z = Tensor::cat(&[a, b], 0)?.transpose(1, 2)?.contiguous()?; // (2N, D, T)
    let (mut total, mut scales, mut length) = (None, 0, t);
    loop {
        if let Some(loss) = one_scale(&z, alpha)? {
            total = Some(match total {
                Some(sum) => (sum + loss)?,
                None => loss,
            });
        }
        scales += 1;
        if length == 1 {
            break;
        }
        z = max_pool1d(&z, 2, 2, 0)?;
        length /= 2;
    }
    match total {
        Some(total) => Ok((total / f64::from(scales))?),
        None => Ok(Tensor::zeros((), DType::F32, a.device())?),
    }
}

/// Both losses of `z` `(2N, D, T)`; `None` where there is nothing to tell apart.
fn one_scale(z: &Tensor, alpha: f64) -> Result<Option<Tensor>> {
    let (rows, _, t) = z.dims3()?;
    let instance = (rows > 2 && alpha > 0.0).then(|| between_series(z)).transpose()?;
    let temporal = (t > 1 && alpha < 1.0).then(|| between_times(z)).transpose()?;
    Ok(match (instance, temporal) {
        (Some(instance), Some(temporal)) => Some(((instance * alpha)? + (temporal * (1.0 - alpha))?)?),
        (Some(instance), None) => Some((instance * alpha)?),
        (None, Some(temporal)) => Some((temporal * (1.0 - alpha))?),
        (None, None) => None,
    })
}

/// At each time stamp a row's other crop among the rows of both crops.
fn between_series(z: &Tensor) -> Result<Tensor> {
    let (rows, _, t) = z.dims3()?;
    let z = z.permute((2, 0, 1))?.contiguous()?; // (T, 2N, D)
    let products = z.matmul(&z.transpose(1, 2)?)?;
    let own = Tensor::eye(rows, DType::F32, z.device())?;
    let others = products.broadcast_add(&(own * HIDDEN)?)?.reshape((t * rows, rows))?;
    let pairs: Vec<u32> = (0..t).flat_map(|_| (0..rows).map(|i| ((i + rows / 2) % rows) as u32)).collect();
    Ok(cross_entropy(&others, &pairs, 0.0)?)
}

/// In each series a time stamp in the other crop among the time stamps of both crops.
fn between_times(z: &Tensor) -> Result<Tensor> {
    let (rows, _, t) = z.dims3()?;
    let n = rows / 2;
    let pairs = (z.narrow(0, 0, n)? * z.narrow(0, n, n)?)?.sum_all()?.affine(1.0 / (n * t) as f64, 0.0)?;
    let z = z.transpose(1, 2)?.contiguous()?; // (2N, T, D)
    let series = |i: usize| Ok(log_sum_exp_gram(&Tensor::cat(&[&z.get(i)?, &z.get(n + i)?], 0)?, 1.0)?);
    let candidates = (0..n).map(series).collect::<Result<Vec<_>>>()?;
    Ok((Tensor::cat(&candidates, 0)?.mean_all()? - pairs)?)
}

#[cfg(test)]
mod tests;
