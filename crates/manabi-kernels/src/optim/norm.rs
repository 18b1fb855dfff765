//! The norm of a gradient, and scaling by a number.

use candle_core::{DType, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::with_mut;
use crate::storage::{PIECE, fast, with};

/// The sum of the squares of all elements, in `f64`; the order of the sum does not depend on the number of threads.
pub fn sum_of_squares(x: &Tensor) -> Result<f64> {
    let x = x.detach();
    if !fast(&[&x]) {
        return x.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar();
    }
    with(&x, |x| Ok(x.par_chunks(PIECE).map(squares).collect::<Vec<f64>>().iter().sum()))
}

/// Multiplies all elements by `factor`, in place: also in every tensor that shares them.
pub fn scale_in_place(x: &Tensor, factor: f32) -> Result<()> {
    if !fast(&[x]) {
        if !x.is_variable() {
            bail!("scale_in_place: away from the CPU in f32 only variables can be scaled, not {:?}", x.shape())
        }
        return Var::from_tensor(x)?.set(&(x.detach() * f64::from(factor))?);
    }
    with_mut(x, |x| {
        x.par_chunks_mut(PIECE).for_each(|x| scale(x, factor));
        Ok(())
    })
}

wide! {
    fn squares(x: &[f32]) -> f64 {
        let mut lanes = [0f64; 8];
        for block in x.chunks(8) {
            for (lane, v) in lanes.iter_mut().zip(block) {
                *lane += f64::from(*v) * f64::from(*v);
            }
        }
        lanes.iter().sum()
    }

    fn scale(x: &mut [f32], factor: f32) {
        for v in x {
            *v *= factor;
        }
    }
}
