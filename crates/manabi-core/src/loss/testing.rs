//! What the losses' tests share: the inputs of the PyTorch programs and a gradient check.

use candle_core::{DType, Device, Tensor, Var};

use crate::Result;

/// `torch.sin(torch.arange(n * d) * 0.7 + shift).reshape(n, d)`.
pub fn input(shape: &[usize], shift: f64) -> Var {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (i as f64 * 0.7 + shift).sin() as f32).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

/// Asserts value and the first entries of the gradient at `at`.
pub fn assert_figures(loss: &Tensor, value: f64, at: &Var, gradient: &[f32]) {
    let got = f64::from(loss.to_scalar::<f32>().unwrap());
    assert!((got - value).abs() < 2e-5 * value.abs().max(1.0), "loss {got}, PyTorch {value}");
    let grads = loss.backward().unwrap();
    let grad = grads.get(at).expect("a gradient").flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (i, (g, want)) in grad.iter().zip(gradient).enumerate() {
        assert!((g - want).abs() < 2e-5 * want.abs().max(1.0), "gradient {i}: {g}, PyTorch {want}");
    }
}

/// Compares the gradient at `at` with central differences of `f` in every entry.
pub fn assert_gradient(at: &Var, f: impl Fn(&Tensor) -> Result<Tensor>) {
    let loss = f(at.as_tensor()).unwrap();
    let grads = loss.backward().unwrap();
    let grad = grads.get(at).expect("a gradient").flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let base = at.as_tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let step = 1e-2f32;
    for i in 0..base.len() {
        let shifted = |h: f32| {
            let mut values = base.clone();
            values[i] += h;
            let x = Tensor::from_vec(values, at.shape(), &Device::Cpu).unwrap();
            let y = f(&x).unwrap().to_dtype(DType::F64).unwrap();
            y.to_scalar::<f64>().unwrap()
        };
        let numeric = (shifted(step) - shifted(-step)) / (2.0 * f64::from(step));
        let scale = numeric.abs().max(1.0);
        assert!((f64::from(grad[i]) - numeric).abs() < 2e-2 * scale, "entry {i}: {} against {numeric}", grad[i]);
    }
}
