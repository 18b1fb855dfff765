//! Losses over a batch of projections, forward and backward, with the shapes of `benches/peers/losses.py`.

use candle_core::Tensor;
use manabi::{
    core::loss::{nt_xent, sinkhorn, swapped_prediction, vicreg},
    kernels::{covariance::column_covariances, loss::cross_entropy},
};
use manabi_benches::{
    gradients, values, variable,
    work::{self, Work},
};

use crate::Case;

/// SwAV's sharpness of codes, temperature and rounds.
const SWAV: (f64, f64, usize) = (0.05, 0.1, 3);

/// The case of this name.
pub fn case(name: &str) -> Option<Case> {
    match name {
        "loss/nt-xent-512" => Some(pairs(512)),
        "loss/nt-xent-4096" => Some(pairs(4096)),
        "loss/vicreg-512x2048" => Some(two_views(Work::covariances(2, 512, 2048), 512, 2048, |a, b| {
            vicreg(a, b, (25.0, 25.0, 1.0)).unwrap().total
        })),
        "loss/covariance-512x2048" => {
            let x = variable(&[512, 2048]);
            Some(Case::new(Work::covariances(1, 512, 2048), move || {
                let (_, squares) = column_covariances(&x).unwrap();
                assert!(gradients(&squares).get(&x).is_some());
            }))
        }
        "loss/sinkhorn-4096x3000" => {
            let scores = values(&[4096, 3000]);
            let (epsilon, _, rounds) = SWAV;
            Some(Case::new(Work::passes(work::sinkhorn(rounds), scores.dims()), move || {
                drop(sinkhorn(&scores, epsilon, rounds).unwrap());
            }))
        }
        "loss/swav-512x3000" => Some(two_views(Work::Mixed, 512, 3000, swav)),
        "loss/cross-entropy-4096x8192" => {
            let logits = variable(&[4096, 8192]);
            let labels: Vec<u32> = (0..4096).map(|i| i * 7919 % 8192).collect();
            Some(Case::new(Work::passes(work::CROSS_ENTROPY, logits.dims()), move || {
                assert!(gradients(&cross_entropy(&logits, &labels, 0.0).unwrap()).get(&logits).is_some());
            }))
        }
        _ => None,
    }
}

fn pairs(rows: usize) -> Case {
    two_views(Work::pairs(2 * rows, 128), rows, 128, |a, b| nt_xent(a, b, 0.1).unwrap())
}

fn swav(a: &Tensor, b: &Tensor) -> Tensor {
    let (epsilon, temperature, rounds) = SWAV;
    let codes = [a, b].map(|scores| sinkhorn(scores, epsilon, rounds).unwrap());
    swapped_prediction(&codes, &[a.clone(), b.clone()], temperature).unwrap()
}

/// A loss of projections of two views, and the gradients of both.
fn two_views(work: Work, rows: usize, width: usize, loss: impl Fn(&Tensor, &Tensor) -> Tensor + 'static) -> Case {
    let (a, b) = (variable(&[rows, width]), variable(&[rows + 1, width]));
    // Another stretch of the same numbers.
    let b = candle_core::Var::from_tensor(&b.narrow(0, 1, rows).unwrap().contiguous().unwrap()).unwrap();
    Case::new(work, move || {
        let store = gradients(&loss(&a, &b));
        assert!(store.get(&a).is_some() && store.get(&b).is_some());
    })
}
