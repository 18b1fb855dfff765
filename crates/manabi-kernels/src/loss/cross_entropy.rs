//! Cross-entropy of classes from logits, with label smoothing (Szegedy et al., arXiv:1512.00567).
//!
//! `ℓ = mean_i −[(1 − s) log p(i, y_i) + s/C Σ_c log p(i, c)]` over the rows that are kept, p the softmax of a row.
//! Shapes: logits (N, C), N class ids, ℓ a scalar. Gradient (p − t) / kept rows, t being 1 − s at the class plus s/C
//! everywhere; zero in skipped rows. Cost: one exponential an element each way. Between the passes only the maximum and
//! the logarithm of the sum of each row are kept, never the probabilities: for a vocabulary of 30 000 they would be the
//! largest tensor of the step. Each task takes a fixed number of rows; the mean is their sum in `f64`, in order.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::rows;
use crate::activation::log_softmax_last;
use crate::index::gather_rows;
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};
use crate::vector::{exp, max, sum_over};

/// The id of a row that takes no part, as a token that was not masked.
pub const SKIP: u32 = u32::MAX;

/// The mean cross-entropy of the rows of `logits` (N, C) whose class in `ids` (N) is not [`SKIP`]; a scalar.
///
/// A share `smoothing` of each target goes to all classes alike. It is an error if no row is left.
pub fn cross_entropy(logits: &Tensor, ids: &[u32], smoothing: f64) -> Result<Tensor> {
    let (n, classes) = logits.dims2()?;
    if ids.len() != n {
        bail!("cross_entropy: {n} rows of logits but {} class ids", ids.len())
    }
    if let Some(id) = ids.iter().find(|id| **id != SKIP && **id as usize >= classes) {
        bail!("cross_entropy: class {id} is outside the {classes} classes of the logits")
    }
    if !(0.0..=1.0).contains(&smoothing) {
        bail!("cross_entropy: label smoothing {smoothing} is outside 0 to 1")
    }
    let kept: Vec<u32> = (0..n as u32).filter(|i| ids[*i as usize] != SKIP).collect();
    if kept.is_empty() {
        bail!("cross_entropy: {n} rows, of which 0 are kept, have no mean")
    }
    if !fast(&[logits]) {
        let log_p = log_softmax_last(&gather_rows(logits, &kept)?)?;
        let wanted: Vec<u32> = kept.iter().map(|i| ids[*i as usize]).collect();
        let hit = log_p.gather(&Tensor::new(wanted, logits.device())?.unsqueeze(1)?, 1)?.mean_all()?;
        let hit = (hit * (smoothing - 1.0))?;
        return if smoothing == 0.0 { Ok(hit) } else { hit - (log_p.mean_all()? * smoothing)? };
    }
    let op = CrossEntropy { ids: ids.into(), kept: kept.len(), smoothing: smoothing as f32, shifts: OnceLock::new() };
    logits.contiguous()?.apply_op1(op)
}

struct CrossEntropy {
    ids: Arc<[u32]>,
    kept: usize,
    smoothing: f32,
    /// The maximum of each row and the logarithm of Σ e^(z − maximum).
    shifts: OnceLock<Vec<(f32, f32)>>,
}

wide! {
    fn forward(z: &[f32], ids: &[u32], classes: usize, smoothing: f32, shifts: &mut [(f32, f32)]) -> f64 {
        let mut total = 0f64;
        for ((z, &id), shift) in z.chunks_exact(classes).zip(ids).zip(shifts) {
            if id == SKIP {
                continue;
            }
            let top = max(z);
            let log_sum = sum_over([z], |[v]| exp(v - top)).ln();
            *shift = (top, log_sum);
            // The log-probabilities weighted by the targets, whose sum is 1. Without smoothing no other class takes
            // part, whose logit may be minus infinity.
            let mut expected = (1.0 - smoothing) * (z[id as usize] - top);
            if smoothing > 0.0 {
                expected += smoothing / classes as f32 * sum_over([z], |[v]| v - top);
            }
            total += f64::from(log_sum - expected);
        }
        total
    }

    fn backward(
        z: &[f32],
        (ids, shifts): (&[u32], &[(f32, f32)]),
        classes: usize,
        smoothing: f32,
        scale: f32,
        gz: &mut [f32],
    ) {
        let share = smoothing / classes as f32;
        let rows = z.chunks_exact(classes).zip(gz.chunks_exact_mut(classes)).zip(ids.iter().zip(shifts));
        for ((z, gz), (&id, &(top, log_sum))) in rows {
            if id == SKIP {
                gz.fill(0.0);
                continue;
            }
            for i in 0..classes {
                gz[i] = scale * (exp(z[i] - top - log_sum) - share);
            }
            gz[id as usize] -= scale * (1.0 - smoothing);
        }
    }
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "manabi-cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let z = slice(storage, layout, self.name())?;
        let (n, classes) = layout.shape().dims2()?;
        let mut shifts = vec![(0f32, 0f32); n];
        let at_once = rows(classes);
        let sums: Vec<f64> = z
            .par_chunks(at_once * classes)
            .zip(self.ids.par_chunks(at_once))
            .zip(shifts.par_chunks_mut(at_once))
            .map(|((z, ids), shifts)| forward(z, ids, classes, self.smoothing, shifts))
            .collect();
        // The forward pass runs once for each instance.
        let _ = self.shifts.set(shifts);
        let mean = sums.iter().sum::<f64>() / self.kept as f64;
        Ok((CpuStorage::F32(vec![mean as f32]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let shifts = self.shifts.get().map_or(&[][..], |shifts| shifts);
        let classes = logits.dims2()?.1;
        let at_once = rows(classes);
        let scale = (f64::from(grad.to_scalar::<f32>()?) / self.kept as f64) as f32;
        let gz = with(logits, |z| {
            let fill = |gz: &mut [f32]| {
                z.par_chunks(at_once * classes)
                    .zip(gz.par_chunks_mut(at_once * classes))
                    .zip(self.ids.par_chunks(at_once).zip(shifts.par_chunks(at_once)))
                    .for_each(|((z, gz), rows)| backward(z, rows, classes, self.smoothing, scale, gz));
            };
            // SAFETY: the pieces cover the output, and each row is written whole.
            Ok(unsafe { built(z.len(), fill) })
        })?;
        Ok(Some(tensor_like(gz, logits)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_threads, close, figures, finite_differences, flat, in_f64, same_gradients, sine, var};
    use candle_core::Device;
    use proptest::prelude::*;

    /// From probabilities, row by row.
    fn naive(z: &Tensor, ids: &[u32], smoothing: f64) -> Tensor {
        let e = z.exp().unwrap();
        let log_p = e.broadcast_div(&e.sum_keepdim(1).unwrap()).unwrap().log().unwrap();
        let (n, classes) = z.dims2().unwrap();
        let kept = ids.iter().filter(|id| **id != SKIP).count() as f32;
        let target = |i: usize, c: usize| match ids[i] {
            SKIP => 0.0,
            id => (if id as usize == c { 1.0 - smoothing as f32 } else { 0.0 }) + smoothing as f32 / classes as f32,
        };
        let targets: Vec<f32> = (0..n * classes).map(|k| -target(k / classes, k % classes) / kept).collect();
        (log_p * Tensor::from_vec(targets, (n, classes), &Device::Cpu).unwrap()).unwrap().sum_all().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn cross_entropy_agrees_with_its_definition(
            n in 1usize..90, classes in 1usize..70, smoothing in 0.0..1.0, skips: bool, seed: u64,
        ) {
            let z = var(&[n, classes], seed);
            let class = |i: usize| ((seed >> (i % 50)) % classes as u64) as u32;
            let id = |i: usize| if skips && i % 3 == 1 { SKIP } else { class(i) };
            let ids: Vec<u32> = (0..n).map(id).collect();
            same_gradients(&[&z], || cross_entropy(&z, &ids, smoothing).unwrap(), || naive(&z, &ids, smoothing), 2e-5);
        }
    }

    #[test]
    fn the_gradient_of_cross_entropy_agrees_with_finite_differences() {
        let z = var(&[5, 4], 1);
        finite_differences(&[&z], 1e-2, 1e-2, || cross_entropy(&z, &[1, SKIP, 3, 0, 0], 0.2).unwrap());
    }

    // a = sin(0.7 i) as (4, 5); F.cross_entropy(a, tensor([1, -100, 4, 0]), label_smoothing=0.1).backward()
    #[test]
    fn skipped_rows_and_smoothing_have_pytorchs_figures() {
        let z = sine(&[4, 5], 0.0);
        let loss = cross_entropy(&z, &[1, SKIP, 4, 0], 0.1).unwrap();
        figures("value", &loss, &[2.123634]);
        let grads = loss.backward().unwrap();
        let gz = [
            0.028976, -0.238786, 0.08882, 0.077832, 0.043158, 0.0, 0.0, 0.0, 0.0, 0.0, 0.064502, 0.092443, 0.080051,
            0.044096, -0.281092, -0.27463, 0.022336, 0.034947, 0.073186, 0.144161,
        ];
        figures("gradient", grads.get(&z).unwrap(), &gz);
    }

    #[test]
    fn other_types_and_strided_inputs_give_the_same() {
        let z = var(&[6, 9], 3);
        let (strided, ids) = (z.t().unwrap(), [5, 0, SKIP, 2, 2, 1, SKIP, 3, 4]);
        for smoothing in [0.0, 0.3] {
            let loss = cross_entropy(&strided, &ids, smoothing).unwrap();
            let dense = cross_entropy(&strided.contiguous().unwrap(), &ids, smoothing).unwrap();
            close("strided", &loss, &dense, 0.0);
            close("in f64", &loss, &in_f64(|t| cross_entropy(&t[0], &ids, smoothing), &[&strided]), 1e-6);
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let z = var(&[700, 100], 1);
        let ids: Vec<u32> = (0..700).map(|i| if i % 7 == 0 { SKIP } else { i % 100 }).collect();
        any_threads(&[&z], || cross_entropy(&z, &ids, 0.1).unwrap());
    }

    #[test]
    fn large_logits_keep_their_differences_and_impossible_classes_cost_nothing() {
        let z = Tensor::new(&[[1e4f32, 1e4 - 1.0, f32::NEG_INFINITY]], &Device::Cpu).unwrap();
        let loss = cross_entropy(&z, &[1], 0.0).unwrap().to_scalar::<f32>().unwrap();
        assert!((loss - 1.313_261_7).abs() < 1e-5, "{loss}");
    }

    #[test]
    fn nan_passes_through_unless_its_row_is_skipped() {
        let z = Tensor::new(&[[f32::NAN, 1.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        assert!(cross_entropy(&z, &[0, 1], 0.0).unwrap().to_scalar::<f32>().unwrap().is_nan());
        let loss = flat(&cross_entropy(&z, &[SKIP, 1], 0.0).unwrap());
        assert!((loss[0] - 2f32.ln()).abs() < 1e-6, "{loss:?}");
    }

    #[test]
    fn what_cannot_be_averaged_is_refused_with_both_numbers() {
        let z = var(&[2, 3], 1);
        let refused = |ids: &[u32], smoothing| cross_entropy(&z, ids, smoothing).unwrap_err().to_string();
        let message = refused(&[0], 0.0);
        assert!(message.contains('2') && message.contains('1'), "{message}");
        let message = refused(&[0, 7], 0.0);
        assert!(message.contains('7') && message.contains('3'), "{message}");
        let message = refused(&[SKIP, SKIP], 0.0);
        assert!(message.contains('2') && message.contains('0'), "{message}");
        assert!(refused(&[0, 1], 1.5).contains("1.5") && refused(&[0, 1], f64::NAN).contains("NaN"));
        assert!(cross_entropy(&var(&[0, 3], 1), &[], 0.0).is_err());
    }
}
