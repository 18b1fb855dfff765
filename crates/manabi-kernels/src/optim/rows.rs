//! Optimiser steps on the rows of a table that have a gradient; all other rows stay as they are.
//!
//! Shapes: table and state (V, D), gradient [`RowGradient`] (rows, D). Cost: that of the ordinary step on those rows. They
//! are *lazy*, as PyTorch's SparseAdam: a row that does not occur keeps its value and its state, so that momentum and
//! weight decay act on a row only in the steps in which it occurs, while AdamW's correction counts all steps. In a step
//! where every row occurs they are the ordinary steps, bit for bit. Each task takes some of the rows.

use candle_core::{DType, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::{
    AdamWStep, Also, SgdStep,
    adamw::{adamw, corrections},
    adamw_step, own_storages,
    sgd::sgd,
    sgd_step, with_mut,
};
use crate::index::{RowGradient, gather_rows};
use crate::storage::{Shared, check_shape, fast, with};

/// Rows a task takes at once.
const ROWS: usize = 64;

/// One step of SGD on the rows of `table` (V, D) in `grad`; see [`sgd_step`].
pub fn sgd_rows_step(table: &Var, grad: &RowGradient, momentum_buf: &Var, step: SgdStep) -> Result<()> {
    let d = check(table, grad, &[momentum_buf])?;
    if !fast(&[table, grad.rows(), momentum_buf]) {
        return on_copies(grad, [table, momentum_buf], |[p, b]| sgd_step(p, grad.rows(), b, step, Also::default()));
    }
    with(grad.rows(), |g| {
        with_mut(table, |p| {
            with_mut(momentum_buf, |b| {
                let (p, b) = (Shared::new(p), Shared::new(b));
                each_row(grad, g, d, |start, g| {
                    // SAFETY: `check` has found the row inside both, and each row belongs to one task.
                    unsafe { sgd(p.at(start, d), b.at(start, d), g, step, 1.0) }
                });
                Ok(())
            })
        })
    })
}

/// One step of AdamW on the rows of `table` (V, D) in `grad`; see [`adamw_step`].
pub fn adamw_rows_step(table: &Var, grad: &RowGradient, m: &Var, v: &Var, step: AdamWStep) -> Result<()> {
    let d = check(table, grad, &[m, v])?;
    let corrections = corrections(&step)?;
    if !fast(&[table, grad.rows(), m, v]) {
        return on_copies(grad, [table, m, v], |[p, m, v]| adamw_step(p, grad.rows(), m, v, step, Also::default()));
    }
    with(grad.rows(), |g| {
        with_mut(table, |p| {
            with_mut(m, |m| {
                with_mut(v, |v| {
                    let (p, m, v) = (Shared::new(p), Shared::new(m), Shared::new(v));
                    each_row(grad, g, d, |start, g| {
                        // SAFETY: as in `sgd_rows_step`.
                        unsafe { adamw(p.at(start, d), m.at(start, d), v.at(start, d), g, step, corrections, 1.0) }
                    });
                    Ok(())
                })
            })
        })
    })
}

/// Calls `f` with the place and the gradient of each row, in parallel; the rows are distinct.
fn each_row(grad: &RowGradient, g: &[f32], d: usize, f: impl Fn(usize, &[f32]) + Sync) {
    if d > 0 {
        let rows = grad.ids().par_iter().zip(g.par_chunks_exact(d)).with_min_len(ROWS);
        rows.for_each(|(id, g)| f(*id as usize * d, g));
    }
}

/// Fails unless table, state and gradient fit; returns the length of a row.
fn check(table: &Var, grad: &RowGradient, state: &[&Var]) -> Result<usize> {
    let (v, d) = table.dims2()?;
    check_shape("row step", "the gradient", grad.rows(), &[grad.ids().len(), d])?;
    // They ascend.
    if let Some(id) = grad.ids().last().filter(|id| **id as usize >= v) {
        bail!("row step: row {id} of a table with {v} rows")
    }
    let mut all: Vec<&Tensor> = vec![table, grad.rows()];
    for state in state {
        check_shape("row step", "the state", state, table.dims())?;
        all.push(state);
    }
    own_storages(&all)?;
    Ok(d)
}

/// Runs an ordinary step on copies of the rows, and writes them back.
fn on_copies<const N: usize>(
    grad: &RowGradient,
    tables: [&Var; N],
    step: impl FnOnce([&Var; N]) -> Result<()>,
) -> Result<()> {
    let copies = tables.iter().map(|t| Var::from_tensor(&gather_rows(&t.detach(), grad.ids())?));
    let copies = copies.collect::<Result<Vec<Var>>>()?;
    step(std::array::from_fn(|i| &copies[i]))?;
    let index = Tensor::new(grad.ids(), grad.rows().device())?.unsqueeze(1)?.broadcast_as(grad.rows().shape())?;
    let index = index.to_dtype(DType::U32)?.contiguous()?;
    for (table, rows) in tables.iter().zip(&copies) {
        table.set(&table.detach().scatter(&index, &rows.detach(), 0)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, flat, var};
    use candle_core::Device;
    use proptest::prelude::*;

    const SGD: SgdStep = SgdStep { lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01 };
    const ADAMW: AdamWStep = AdamWStep { lr: 1e-2, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, step: 1 };

    fn zeros(like: &Var) -> Var {
        Var::zeros(like.shape(), like.dtype(), &Device::Cpu).unwrap()
    }

    fn gradient(ids: &[u32], d: usize, seed: u64, dtype: DType) -> RowGradient {
        RowGradient::new(ids.to_vec(), &var(&[ids.len(), d], seed).to_dtype(dtype).unwrap()).unwrap()
    }

    fn wide(v: &Var) -> Var {
        Var::from_tensor(&v.detach().to_dtype(DType::F64).unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn steps_on_rows_agree_with_the_composition_and_leave_the_others(
            v in 1usize..300, d in 1usize..20, share in 1u32..5, seed: u64,
        ) {
            let ids: Vec<u32> = (0..v as u32).filter(|i| i % share == 0).collect();
            let (p, start) = (var(&[v, d], seed), var(&[v, d], seed));
            let (m, s) = (zeros(&p), zeros(&p));
            let (p64, m64, s64) = (wide(&p), wide(&m), wide(&s));
            let q = var(&[v, d], seed);
            let (b, q64) = (zeros(&q), wide(&q));
            let b64 = wide(&b);
            for i in 1..4 {
                let (g, g64) = (gradient(&ids, d, seed ^ i, DType::F32), gradient(&ids, d, seed ^ i, DType::F64));
                let step = AdamWStep { step: i, ..ADAMW };
                adamw_rows_step(&p, &g, &m, &s, step).unwrap();
                adamw_rows_step(&p64, &g64, &m64, &s64, step).unwrap();
                sgd_rows_step(&q, &g, &b, SGD).unwrap();
                sgd_rows_step(&q64, &g64, &b64, SGD).unwrap();
            }
            for (what, ours, exact) in
                [("AdamW", &p, &p64), ("mean", &m, &m64), ("square", &s, &s64), ("SGD", &q, &q64), ("momentum", &b, &b64)]
            {
                close(what, ours, &exact.to_dtype(DType::F32).unwrap(), 1e-4);
            }
            let (p, q, start) = (flat(&p), flat(&q), flat(&start));
            for id in (0..v).filter(|i| i % share as usize != 0) {
                let row = id * d..(id + 1) * d;
                prop_assert_eq!(&p[row.clone()], &start[row.clone()]);
                prop_assert_eq!(&q[row.clone()], &start[row]);
            }
        }
    }

    #[test]
    fn a_step_on_all_rows_is_the_ordinary_step_bit_for_bit() {
        let ids: Vec<u32> = (0..90).collect();
        let g = gradient(&ids, 7, 5, DType::F32);
        let (p, q) = (var(&[90, 7], 1), var(&[90, 7], 1));
        let (m, s, mq, sq) = (zeros(&p), zeros(&p), zeros(&p), zeros(&p));
        adamw_rows_step(&p, &g, &m, &s, ADAMW).unwrap();
        adamw_step(&q, g.rows(), &mq, &sq, ADAMW, Also::default()).unwrap();
        assert_eq!((flat(&p), flat(&m), flat(&s)), (flat(&q), flat(&mq), flat(&sq)));
        let (b, bq) = (zeros(&p), zeros(&p));
        sgd_rows_step(&p, &g, &b, SGD).unwrap();
        sgd_step(&q, g.rows(), &bq, SGD, Also::default()).unwrap();
        assert_eq!((flat(&p), flat(&b)), (flat(&q), flat(&bq)));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        let p = var(&[4, 3], 1);
        let b = zeros(&p);
        let message = sgd_rows_step(&p, &gradient(&[1, 4], 3, 1, DType::F32), &b, SGD).unwrap_err().to_string();
        assert!(message.contains("row 4") && message.contains("4 rows"), "{message}");
        let message = sgd_rows_step(&p, &gradient(&[1], 2, 1, DType::F32), &b, SGD).unwrap_err().to_string();
        assert!(message.contains("[1, 2]") && message.contains("[1, 3]"), "{message}");
        let g = gradient(&[1], 3, 1, DType::F32);
        assert!(sgd_rows_step(&p, &g, &p, SGD).is_err());
        assert!(adamw_rows_step(&p, &g, &b, &zeros(&p), AdamWStep { step: 0, ..ADAMW }).is_err());
        assert!(adamw_rows_step(&p, &g, &b, &var(&[4, 2], 1), ADAMW).is_err());
        let none = gradient(&[], 3, 1, DType::F32);
        sgd_rows_step(&p, &none, &b, SGD).unwrap();
        assert_eq!(flat(&p), flat(&var(&[4, 3], 1)));
    }
}
