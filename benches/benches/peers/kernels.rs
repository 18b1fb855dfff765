//! Single operations, forward and backward, with the shapes of `benches/peers/kernels.py`.

use candle_core::Var;
use manabi::kernels::{
    conv::{Conv2dParams, conv2d},
    matmul::matmul,
};

use crate::{Run, values};

/// The case of this name.
pub fn case(name: &str) -> Option<Run> {
    let (kind, shape) = name.split_once('/')?;
    match kind {
        "conv" => {
            let (channels, side) = shape.strip_prefix("3x3-")?.split_once('@')?;
            Some(conv(channels.parse().ok()?, side.parse().ok()?))
        }
        "matmul" => {
            let sizes: Vec<usize> = shape.split('x').map(str::parse).collect::<Result<_, _>>().ok()?;
            Some(product(sizes.try_into().ok()?))
        }
        _ => None,
    }
}

/// 128 pictures through a 3 × 3 convolution, and both gradients.
fn conv(channels: usize, side: usize) -> Run {
    let x = Var::from_tensor(&values(&[128, channels, side, side])).unwrap();
    let w = Var::from_tensor(&(values(&[channels, channels, 3, 3]) * 0.05).unwrap()).unwrap();
    let params = Conv2dParams { padding: 1, ..Conv2dParams::default() };
    Box::new(move || {
        // A sum sends ones back: cheaper than the product with a gradient, and charged to us all the same.
        let y = conv2d(&x, &w, &params).unwrap();
        let gradients = y.sum_all().unwrap().backward().unwrap();
        assert!(gradients.get(&x).is_some() && gradients.get(&w).is_some());
    })
}

fn product([m, k, n]: [usize; 3]) -> Run {
    let (a, b) = (values(&[m, k]), values(&[k, n]));
    Box::new(move || drop(matmul(&a, &b).unwrap()))
}
