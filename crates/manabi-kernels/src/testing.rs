//! What the tests share: random tensors, closeness, and the comparison of gradients.

use candle_core::{DType, Device, Result, Tensor, Var};

/// Reproducible numbers, roughly normal, with the given standard deviation.
pub(crate) fn numbers(n: usize, seed: u64, deviation: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    for _ in 0..8 {
        uniform();
    }
    (0..n).map(|_| (uniform() + uniform() + uniform()) * 2.0 * deviation).collect()
}

/// A random variable.
pub(crate) fn var(shape: &[usize], seed: u64) -> Var {
    let n = shape.iter().product();
    Var::from_tensor(&Tensor::from_vec(numbers(n, seed, 1.0), shape, &Device::Cpu).unwrap()).unwrap()
}

/// `sin(0.7 i + shift)`, the input of the PyTorch programs.
pub(crate) fn sine(shape: &[usize], shift: f64) -> Var {
    let values = (0..shape.iter().product()).map(|i: usize| (i as f64 * 0.7 + shift).sin() as f32).collect();
    Var::from_tensor(&Tensor::from_vec::<_, f32>(values, shape, &Device::Cpu).unwrap()).unwrap()
}

/// `Σ y_i cos(i)`, the loss of the PyTorch programs.
pub(crate) fn weighted(y: &Tensor) -> Tensor {
    let weights: Vec<f32> = (0..y.elem_count()).map(|i| (i as f64).cos() as f32).collect();
    let weights = Tensor::from_vec(weights, y.shape(), &Device::Cpu).unwrap();
    (y * weights).unwrap().sum_all().unwrap()
}

/// Fails unless the elements are PyTorch's.
pub(crate) fn figures(what: &str, ours: &Tensor, pytorch: &[f32]) {
    close(what, ours, &Tensor::from_slice(pytorch, ours.shape(), &Device::Cpu).unwrap(), 2e-5);
}

/// What `f` makes of the inputs in `f64`, which the kernels leave to candle's operations; in `f32` again.
pub(crate) fn in_f64(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[&Tensor]) -> Tensor {
    let inputs: Vec<Tensor> = inputs.iter().map(|t| t.to_dtype(DType::F64).unwrap()).collect();
    f(&inputs).unwrap().to_dtype(DType::F32).unwrap()
}

/// The elements in order.
pub(crate) fn flat(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// Fails unless the tensors agree within `tolerance` relative to the largest element.
pub(crate) fn close(what: &str, ours: &Tensor, reference: &Tensor, tolerance: f32) {
    close_above(1e-3, what, ours, reference, tolerance);
}

/// The same relative to at least `floor`.
fn close_above(floor: f32, what: &str, ours: &Tensor, reference: &Tensor, tolerance: f32) {
    assert_eq!(ours.dims(), reference.dims(), "{what}: shapes differ");
    let (a, b) = (flat(ours), flat(reference));
    let scale = b.iter().fold(floor, |m, v| m.max(v.abs()));
    for (i, (x, y)) in a.iter().zip(&b).enumerate() {
        let near = (x - y).abs() <= tolerance * scale;
        assert!(near, "{what}: element {i} of {:?} is {x}, expected {y} (scale {scale})", ours.dims());
    }
}

/// Compares value and gradients of `ours` with those of `reference`, under a random weighting of the output.
pub(crate) fn same_gradients(vars: &[&Var], ours: impl Fn() -> Tensor, reference: impl Fn() -> Tensor, tolerance: f32) {
    let (a, b) = (ours(), reference());
    close("value", &a, &b, tolerance);
    let weights = var(a.dims(), 99);
    let grads = |y: &Tensor| (y * weights.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    let (ga, gb) = (grads(&a), grads(&b));
    for (i, v) in vars.iter().enumerate() {
        let reference = gb.get(v).unwrap_or_else(|| panic!("no reference gradient for input {i}"));
        let ours = ga.get(v).unwrap_or_else(|| panic!("no gradient for input {i}"));
        // Sums of terms of the weights' size, about 1: what cancels (a softmax over one element) leaves their rounding.
        close_above(0.1, &format!("gradient of input {i}"), ours, reference, tolerance);
    }
}

/// The nearest numbers that bf16 has.
pub(crate) fn rounded(t: &Tensor) -> Tensor {
    t.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap()
}

/// Compares value and gradients of `ours`, a product of two factors in bf16, with those of `reference` in `f32` on
/// factors that are rounded before, the gradient of the output among them.
pub(crate) fn same_as_rounded(
    [a, b]: [&Var; 2],
    ours: impl Fn(&Tensor, &Tensor) -> Tensor,
    reference: impl Fn(&Tensor, &Tensor) -> Tensor,
    tolerance: f32,
) {
    let [near_a, near_b] = [a, b].map(|v| Var::from_tensor(&rounded(v)).unwrap());
    let (y, near) = (ours(a, b), reference(&near_a, &near_b));
    close("value", &y, &near, tolerance);
    let weights = var(y.dims(), 99);
    let grads = |y: &Tensor, w: &Tensor| (y * w).unwrap().sum_all().unwrap().backward().unwrap();
    let (ours, near) = (grads(&y, &weights), grads(&near, &rounded(&weights)));
    for (i, (v, r)) in [(a, near_a), (b, near_b)].into_iter().enumerate() {
        let (ours, near) = (ours.get(v).unwrap(), near.get(&r).unwrap());
        close_above(0.1, &format!("gradient of factor {i}"), ours, near, tolerance);
    }
}

/// Compares the gradients of `f` with central differences of step `h`, at up to 40 elements of each variable.
pub(crate) fn finite_differences(vars: &[&Var], h: f32, tolerance: f32, f: impl Fn() -> Tensor) {
    let weights = var(f().dims(), 77);
    let loss = |y: Tensor| -> f64 {
        let (y, w) = (flat(&y), flat(&weights));
        y.iter().zip(&w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let grads = (f() * weights.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    for (i, v) in vars.iter().enumerate() {
        let grad = flat(grads.get(v).unwrap_or_else(|| panic!("no gradient for input {i}")));
        let scale = grad.iter().fold(1e-2f32, |m, x| m.max(x.abs()));
        let start = flat(v);
        for j in (0..start.len()).step_by(start.len().div_ceil(40).max(1)) {
            let at = |delta: f32| {
                let mut moved = start.clone();
                moved[j] += delta;
                v.set(&Tensor::from_vec(moved, v.shape(), &Device::Cpu).unwrap()).unwrap();
                loss(f())
            };
            let slope = ((at(h) - at(-h)) / (2.0 * f64::from(h))) as f32;
            let near = (slope - grad[j]).abs() <= tolerance * scale;
            assert!(near, "input {i}, element {j}: gradient {}, finite difference {slope} (scale {scale})", grad[j]);
        }
        v.set(&Tensor::from_vec(start, v.shape(), &Device::Cpu).unwrap()).unwrap();
    }
}

/// Fails unless the value of `f` and the gradients of `vars` have the same bits with one, two, three and five threads.
pub(crate) fn any_threads(vars: &[&Var], f: impl Fn() -> Tensor + Sync) {
    let run = |threads: usize| -> Vec<Vec<u32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let y = f();
            let grads = weighted(&y).backward().unwrap();
            let tensors = vars.iter().map(|v| grads.get(v).unwrap()).chain([&y]);
            tensors.map(|t| flat(t).iter().map(|v| v.to_bits()).collect()).collect()
        })
    };
    let one = run(1);
    for threads in [2, 3, 5] {
        assert!(run(threads) == one, "{threads} threads give other bits than one");
    }
}
