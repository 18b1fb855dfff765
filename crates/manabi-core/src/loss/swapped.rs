//! SwAV's swapped prediction, Caron et al., arXiv:2006.09882.
//!
//! Scores of normalised features against prototypes become soft codes by the
//! Sinkhorn–Knopp iteration (equal use of every prototype over the batch), and each
//! view predicts the other's code: `ℓ = −½ [Σ q_a log softmax(s_b/τ) + Σ q_b log softmax(s_a/τ)]`.
//! Cost: a few passes over the `N × K` scores.

use candle_core::Tensor;
use manabi_kernels::loss::soft_cross_entropy;

use crate::{Error, Result};

/// Codes of `scores`, rows summing to one, columns (nearly) to `N / K`. Without gradient.
///
/// # Shapes
/// `(N, K)` → `(N, K)`.
pub fn sinkhorn(scores: &Tensor, epsilon: f64, iterations: usize) -> Result<Tensor> {
    if epsilon <= 0.0 {
        return Err(Error::config(format!("Sinkhorn's epsilon must be above 0, not {epsilon}")));
    }
    Ok(manabi_kernels::sinkhorn::sinkhorn(scores, epsilon, iterations)?)
}

/// Cross-entropy of `scores / temperature` under the other views' codes, mean over all ordered pairs
/// `(code of view i, prediction of view j ≠ i)`; codes exist for the first `codes.len()` views.
///
/// # Shapes
/// `codes`: `(N, K)` each; `scores`: `(N, K)` each → scalar.
pub fn swapped_prediction(codes: &[Tensor], scores: &[Tensor], temperature: f64) -> Result<Tensor> {
    if temperature <= 0.0 {
        return Err(Error::config(format!("the temperature must be above 0, not {temperature}")));
    }
    let mut terms = Vec::new();
    for (i, q) in codes.iter().enumerate() {
        for (_, s) in scores.iter().enumerate().filter(|(j, _)| *j != i) {
            terms.push(soft_cross_entropy(s, q, temperature)?);
        }
    }
    if terms.is_empty() {
        return Err(Error::config("swapped prediction needs at least two views"));
    }
    Ok(Tensor::stack(&terms, 0)?.mean_all()?)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    // def sinkhorn(s, eps, it):
    //     Q = torch.exp(s / eps).T; Q /= Q.sum(); K, B = Q.shape
    //     for _ in range(it): Q /= Q.sum(1, keepdim=True); Q /= K; Q /= Q.sum(0, keepdim=True); Q /= B
    //     return (Q * B).T
    #[test]
    fn codes_are_those_of_the_reference_program() {
        let q = sinkhorn(&input(&[4, 3], 0.0), 0.5, 3).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (got, want) in q.iter().zip([0.11808957, 0.40366042, 0.47825001, 0.72598036, 0.23788223, 0.03613741]) {
            assert!((got - want).abs() < 1e-5, "{q:?}");
        }
    }

    #[test]
    fn codes_use_every_prototype_equally() {
        let q = sinkhorn(&input(&[8, 4], 0.0), 0.5, 50).unwrap();
        let columns = q.sum(0).unwrap().to_vec1::<f32>().unwrap();
        assert!(columns.iter().all(|c| (c - 2.0).abs() < 1e-3), "{columns:?}");
    }

    // -0.5 * ((qa * F.log_softmax(b / 0.1, 1)).sum(1).mean() + (qb * F.log_softmax(a / 0.1, 1)).sum(1).mean())
    #[test]
    fn value_and_gradient_are_pytorchs() {
        let (a, b) = (input(&[4, 3], 0.0), input(&[4, 3], 1.0));
        let codes = [sinkhorn(&a, 0.5, 3).unwrap(), sinkhorn(&b, 0.5, 3).unwrap()];
        let loss = swapped_prediction(&codes, &[a.as_tensor().clone(), b.as_tensor().clone()], 0.1).unwrap();
        assert_figures(&loss, 3.06386364, &a, &[-0.36479555, -0.53822317, 0.90301872, 0.39354356]);
        assert_figures(&loss, 3.06386364, &b, &[0.07243877, 0.48353679, -0.55597556, 0.34066466]);
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let big = (input(&[4, 3], 0.0).as_tensor() * 100.0).unwrap();
        let q = sinkhorn(&big, 0.05, 3).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(q.iter().all(|v| v.is_finite()));
    }
}
