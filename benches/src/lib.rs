//! What the benchmarks in `benches/benches` share: inputs, gradients, and what a kernel has to do ([`work`]).
#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor, Var, backprop::GradStore};

pub mod work;

/// Numbers in -1..1 without a pattern that a kernel could profit from.
pub fn values(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_vec(data, shape, &Device::Cpu).unwrap()
}

/// The same, to be differentiated for.
pub fn variable(shape: &[usize]) -> Var {
    Var::from_tensor(&values(shape)).unwrap()
}

/// Numbers below `count` without order, some of them much more frequent than others.
pub fn ids(n: usize, count: u32) -> Vec<u32> {
    let id = |i: u32| i.wrapping_mul(2_654_435_761) >> 8;
    (0..n as u32).map(|i| (u64::from(id(i) % count) * u64::from(id(i + 7) % count) / u64::from(count)) as u32).collect()
}

/// The gradients of what made `y`, from ones at `y` itself: nothing is summed that a kernel does not sum.
pub fn gradients(y: &Tensor) -> GradStore {
    y.backward().unwrap()
}

/// The shapes of a ResNet-18's parameters, 11.2 million in 62 tensors.
pub fn resnet18_shapes() -> Vec<Vec<usize>> {
    let norm = |width: usize| [vec![width], vec![width]];
    let mut shapes = vec![vec![64, 3, 3, 3]];
    shapes.extend(norm(64));
    let mut width = 64;
    for outputs in [64, 128, 256, 512] {
        for block in 0..2 {
            for inputs in [width, outputs] {
                shapes.push(vec![outputs, inputs, 3, 3]);
                shapes.extend(norm(outputs));
            }
            if block == 0 && width != outputs {
                shapes.push(vec![outputs, width, 1, 1]);
                shapes.extend(norm(outputs));
            }
            width = outputs;
        }
    }
    shapes.extend([vec![10, 512], vec![10]]);
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resnet18_has_its_parameters() {
        let shapes = resnet18_shapes();
        let count: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
        assert_eq!((shapes.len(), count), (62, 11_173_962));
    }
}
