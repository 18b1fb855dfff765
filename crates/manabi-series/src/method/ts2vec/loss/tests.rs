//! The hierarchical loss against PyTorch's figures, finite differences and its own two forms.

use candle_core::{Device, Var};

use super::*;

fn input(shape: &[usize], shift: f64) -> Var {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (i as f64 * 0.7 + shift).sin() as f32).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

fn number(t: &Tensor) -> f64 {
    f64::from(t.to_scalar::<f32>().unwrap())
}

/// Value and first entries of both gradients.
fn assert_figures(shape: &[usize], alpha: f64, value: f64, of_a: [f32; 4], of_b: [f32; 4]) {
    let (a, b) = (input(shape, 0.0), input(shape, 1.0));
    let loss = hierarchical(&a, &b, alpha).unwrap();
    assert!((number(&loss) - value).abs() < 1e-5, "{shape:?}, α {alpha}: {}, PyTorch {value}", number(&loss));
    let grads = loss.backward().unwrap();
    for (at, want) in [(&a, of_a), (&b, of_b)] {
        let got = grads.get(at).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let near = got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-5);
        assert!(near, "{shape:?}, α {alpha}: {:?}, PyTorch {want:?}", &got[..4]);
    }
}

// import torch, torch.nn.functional as F
// def among_others(s, pair):                  # s (G, R, R): a row's pair among all other rows
//     r = s.shape[-1]
//     s = s.masked_fill(torch.eye(r, dtype=torch.bool), float('-inf'))
//     return -F.log_softmax(s, -1)[:, torch.arange(r), pair].mean()
// def scale(a, b, alpha):
//     n, t, _ = a.shape
//     loss = torch.zeros((), dtype=a.dtype)
//     if n > 1:
//         z = torch.cat([a, b], 0).transpose(0, 1)
//         loss = loss + alpha * among_others(z @ z.transpose(1, 2), torch.arange(2 * n).roll(n))
//     if t > 1:
//         z = torch.cat([a, b], 1)
//         loss = loss + (1 - alpha) * among_others(z @ z.transpose(1, 2), torch.arange(2 * t).roll(t))
//     return loss
// def hierarchical(a, b, alpha):
//     pool = lambda x: F.max_pool1d(x.transpose(1, 2), 2).transpose(1, 2)
//     losses = [scale(a, b, alpha)]
//     while a.shape[1] > 1:
//         a, b = pool(a), pool(b)
//         losses.append(scale(a, b, alpha))
//     return sum(losses) / len(losses)
// a, b = sin(0.7 i), sin(0.7 i + 1); print(loss, a.grad.flatten()[:4], b.grad.flatten()[:4])
#[test]
fn values_and_gradients_are_pytorchs() {
    assert_figures(
        &[3, 7, 4],
        0.5,
        1.497368,
        [-0.008699, -0.019303, -0.011406, 0.023242],
        [0.030109, 0.019359, -0.021246, -0.022357],
    );
    assert_figures(
        &[3, 7, 4],
        1.0,
        1.697276,
        [-0.003554, -0.017921, -0.026205, 0.011582],
        [0.04534, 0.043081, -0.021768, -0.028042],
    );
    assert_figures(
        &[3, 7, 4],
        0.0,
        1.29746,
        [-0.013844, -0.020685, 0.003392, 0.034902],
        [0.014878, -0.004363, -0.020725, -0.016673],
    );
}

// As above.
#[test]
fn one_series_has_no_instance_term_and_one_time_stamp_no_temporal_term() {
    assert_figures(
        &[1, 5, 3],
        0.5,
        0.496736,
        [-0.016127, -0.018072, 0.003544, -0.003846],
        [0.005165, 0.019045, -0.020025, -0.032802],
    );
    assert_figures(
        &[4, 1, 2],
        0.5,
        0.765389,
        [-0.064494, -0.099909, -0.015608, 0.061925],
        [0.075511, -0.019629, -0.087215, -0.074783],
    );
    let nothing = hierarchical(&input(&[1, 1, 3], 0.0), &input(&[1, 1, 3], 1.0), 0.5).unwrap();
    assert_eq!(number(&nothing), 0.0);
}

#[test]
fn the_gradient_is_the_finite_difference() {
    let (a, b) = (input(&[2, 5, 3], 0.0), input(&[2, 5, 3], 1.0));
    let grads = hierarchical(&a, &b, 0.3).unwrap().backward().unwrap();
    let grad = grads.get(&a).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let base = a.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (i, got) in grad.iter().enumerate() {
        let shifted = |h: f32| {
            let mut values = base.clone();
            values[i] += h;
            let moved = Tensor::from_vec(values, (2, 5, 3), &Device::Cpu).unwrap();
            number(&hierarchical(&moved, &b, 0.3).unwrap())
        };
        let numeric = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
        assert!((f64::from(*got) - numeric).abs() < 2e-3, "entry {i}: {got} against {numeric}");
    }
}

#[test]
fn one_operation_gives_what_single_ones_give() {
    for (shape, alpha) in [([3, 37, 5], 0.5), ([2, 300, 3], 0.2), ([1, 8, 6], 0.5), ([5, 1, 6], 0.5), ([4, 6, 2], 1.0)]
    {
        let (a, b) = (input(&shape, 0.0), input(&shape, 1.0));
        let run = |loss: Result<Tensor>| {
            let loss = loss.unwrap();
            let grads = (&loss * 3.0).unwrap().backward().unwrap();
            let flat = |v: &Var| grads.get(v).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            (number(&loss), [flat(&a), flat(&b)].concat())
        };
        let (ours, plain) = (run(hierarchical(&a, &b, alpha)), run(composed(&a, &b, alpha)));
        assert!((ours.0 - plain.0).abs() < 1e-5, "{shape:?}: {} and {}", ours.0, plain.0);
        let apart = ours.1.iter().zip(&plain.1).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{shape:?}: gradients differ by {apart}");
    }
}

#[test]
fn a_number_that_is_not_one_shows_in_the_loss() {
    let mut values = vec![1f32; 24];
    values[7] = f32::NAN;
    let a = Tensor::from_vec(values, (2, 4, 3), &Device::Cpu).unwrap();
    assert!(number(&hierarchical(&a, &input(&[2, 4, 3], 0.0), 0.5).unwrap()).is_nan());
}

#[test]
fn the_crops_can_be_swapped() {
    let (a, b) = (input(&[3, 6, 4], 0.3), input(&[3, 6, 4], 2.0));
    let (ab, ba) = (hierarchical(&a, &b, 0.5).unwrap(), hierarchical(&b, &a, 0.5).unwrap());
    assert!((number(&ab) - number(&ba)).abs() < 1e-5);
}

#[test]
fn equal_representations_cost_the_logarithm_of_the_others() {
    let z = Tensor::ones((2, 2, 4), DType::F32, &Device::Cpu).unwrap();
    // Two scales; with 2 series and 2 time stamps each row has 3 others everywhere.
    let want = (3f64.ln() + 0.5 * 3f64.ln()) / 2.0;
    assert!((number(&hierarchical(&z, &z, 0.5).unwrap()) - want).abs() < 1e-5);
}

#[test]
fn crops_of_different_shapes_are_refused_with_both() {
    let message = hierarchical(&input(&[2, 3, 4], 0.0), &input(&[2, 4, 4], 0.0), 0.5).unwrap_err().to_string();
    assert!(message.contains("[2, 3, 4]") && message.contains("[2, 4, 4]"), "{message}");
    assert!(hierarchical(&input(&[2, 3, 4], 0.0), &input(&[2, 3, 4], 0.0), 1.5).is_err());
}
