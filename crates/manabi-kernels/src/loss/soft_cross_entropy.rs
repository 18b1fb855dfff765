//! Cross-entropy under given distributions over the classes, as the codes of SwAV (Caron et al., arXiv:2006.09882).
//!
//! `ℓ = −mean_i Σ_c q(i, c) log softmax(z_i / τ)_c`. Shapes: logits z and targets q (N, C), ℓ a scalar. The targets need not
//! sum to one and get no gradient; that of the logits is (p Σ_c q − q) / (τ N). A class without weight takes no part, so that
//! its logit may be minus infinity. Cost: one exponential an element each way. Between the passes three numbers a row
//! are kept. Each task takes a fixed number of rows; the mean is their sum in `f64`, in order.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::rows;
use crate::activation::log_softmax_last;
use crate::memory::built;
use crate::storage::{Forward, check_shape, fast, slice, tensor_like, with};
use crate::vector::{exp, max, sums_over};

/// The mean cross-entropy of softmax(`logits` / `temperature`) (N, C) under `targets` (N, C); a scalar.
///
/// It is an error if there is no row, or the temperature is not above 0.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor, temperature: f64) -> Result<Tensor> {
    let (n, classes) = logits.dims2()?;
    check_shape("soft_cross_entropy", "the targets", targets, &[n, classes])?;
    if n * classes == 0 {
        bail!("soft_cross_entropy: {n} rows of {classes} classes have no mean")
    }
    if temperature.is_nan() || temperature <= 0.0 {
        bail!("soft_cross_entropy: the temperature must be above 0, not {temperature}")
    }
    let targets = targets.detach();
    if !fast(&[logits, &targets]) {
        let log_p = log_softmax_last(&(logits / temperature)?)?;
        return (log_p * targets)?.sum(D::Minus1)?.mean_all()?.neg();
    }
    let op = SoftCrossEntropy { sharpness: (1.0 / temperature) as f32, rows: OnceLock::new() };
    logits.contiguous()?.apply_op2(&targets.contiguous()?, op)
}

struct SoftCrossEntropy {
    /// 1 / τ
    sharpness: f32,
    rows: OnceLock<Vec<Row>>,
}

/// What the backward pass needs of a row.
#[derive(Clone, Copy, Default)]
struct Row {
    /// The largest logit.
    top: f32,
    /// The logarithm of Σ e^((z − top) / τ).
    log_sum: f32,
    /// Σ q
    weight: f32,
}

wide! {
    fn forward(z: &[f32], q: &[f32], classes: usize, sharpness: f32, kept: &mut [Row]) -> f64 {
        let mut total = 0f64;
        for ((z, q), kept) in z.chunks_exact(classes).zip(q.chunks_exact(classes)).zip(kept) {
            let top = max(z);
            let [sum, weight, along] = sums_over([z, q], |[z, q]| {
                let below = (z - top) * sharpness;
                [exp(below), q, if q == 0.0 { 0.0 } else { q * below }]
            });
            *kept = Row { top, log_sum: sum.ln(), weight };
            total += f64::from(weight * kept.log_sum - along);
        }
        total
    }

    fn backward((z, q): (&[f32], &[f32]), classes: usize, sharpness: f32, scale: f32, rows: &[Row], gz: &mut [f32]) {
        let pieces = z.chunks_exact(classes).zip(q.chunks_exact(classes)).zip(gz.chunks_exact_mut(classes));
        for (((z, q), gz), &Row { top, log_sum, weight }) in pieces.zip(rows) {
            for ((gz, z), q) in gz.iter_mut().zip(z).zip(q) {
                *gz = scale * (weight * exp((z - top) * sharpness - log_sum) - q);
            }
        }
    }
}

impl CustomOp2 for SoftCrossEntropy {
    fn name(&self) -> &'static str {
        "manabi-soft-cross-entropy"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let (z, q) = (slice(s1, l1, self.name())?, slice(s2, l2, self.name())?);
        let (n, classes) = l1.shape().dims2()?;
        let mut kept = vec![Row::default(); n];
        let at_once = rows(classes);
        let sums: Vec<f64> = z
            .par_chunks(at_once * classes)
            .zip(q.par_chunks(at_once * classes))
            .zip(kept.par_chunks_mut(at_once))
            .map(|((z, q), kept)| forward(z, q, classes, self.sharpness, kept))
            .collect();
        // The forward pass runs once for each instance.
        let _ = self.rows.set(kept);
        let mean = sums.iter().sum::<f64>() / n as f64;
        Ok((CpuStorage::F32(vec![mean as f32]), Shape::from(())))
    }

    fn bwd(&self, z: &Tensor, q: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let kept = self.rows.get().map_or(&[][..], |rows| rows);
        let (n, classes) = z.dims2()?;
        let at_once = rows(classes);
        let scale = (f64::from(grad.to_scalar::<f32>()?) * f64::from(self.sharpness) / n as f64) as f32;
        let gz = with(z, |z| {
            with(q, |q| {
                let fill = |gz: &mut [f32]| {
                    z.par_chunks(at_once * classes)
                        .zip(q.par_chunks(at_once * classes))
                        .zip(gz.par_chunks_mut(at_once * classes).zip(kept.par_chunks(at_once)))
                        .for_each(|((z, q), (gz, rows))| backward((z, q), classes, self.sharpness, scale, rows, gz));
                };
                // SAFETY: the pieces cover the output, and each row is written whole.
                Ok(unsafe { built(z.len(), fill) })
            })
        })?;
        Ok((Some(tensor_like(gz, z)?), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::softmax_last;
    use crate::testing::{finite_differences, flat, same_gradients, var};
    use candle_core::{DType, Device};
    use proptest::prelude::*;

    fn naive(z: &Tensor, q: &Tensor, temperature: f64) -> Tensor {
        let log_p = log_softmax_last(&(z / temperature).unwrap()).unwrap();
        (log_p * q).unwrap().sum(D::Minus1).unwrap().mean_all().unwrap().neg().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn it_agrees_with_its_definition(n in 1usize..40, classes in 1usize..200, sharp: bool, seed: u64) {
            let temperature = if sharp { 0.1 } else { 1.5 };
            // Not all of one weight.
            let (z, q) = (var(&[n, classes], seed), var(&[n, classes], seed ^ 1).abs().unwrap());
            let ours = || soft_cross_entropy(&z, &q, temperature).unwrap();
            same_gradients(&[&z], ours, || naive(&z, &q, temperature), 2e-4);
        }
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let z = var(&[3, 5], 1);
        let q = softmax_last(&var(&[3, 5], 2)).unwrap();
        finite_differences(&[&z], 1e-2, 2e-2, || soft_cross_entropy(&z, &q, 0.5).unwrap());
    }

    #[test]
    fn targets_get_no_gradient_and_classes_without_weight_take_no_part() {
        let q = candle_core::Var::new(&[[0.25f32, 0.75, 0.0]], &Device::Cpu).unwrap();
        let z = candle_core::Var::new(&[[1f32, 1.0, f32::NEG_INFINITY]], &Device::Cpu).unwrap();
        let loss = soft_cross_entropy(&z, &q, 0.5).unwrap();
        assert!((loss.to_scalar::<f32>().unwrap() - 2f32.ln()).abs() < 1e-6, "{loss}");
        let grads = loss.backward().unwrap();
        assert!(grads.get(&q).is_none());
        let gz = flat(grads.get(&z).unwrap());
        assert!((gz[0] - 0.5).abs() < 1e-6 && (gz[1] + 0.5).abs() < 1e-6 && gz[2].abs() < 1e-6, "{gz:?}");
    }

    #[test]
    fn what_has_no_mean_is_refused_with_its_numbers() {
        let none = Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap();
        assert!(soft_cross_entropy(&none, &none, 1.0).unwrap_err().to_string().contains('3'));
        let (z, q) = (var(&[2, 3], 1), var(&[2, 4], 2));
        assert!(soft_cross_entropy(&z, &q, 1.0).unwrap_err().to_string().contains('4'));
        for temperature in [0.0, -1.0, f64::NAN] {
            assert!(soft_cross_entropy(&z, &z, temperature).is_err());
        }
    }
}
