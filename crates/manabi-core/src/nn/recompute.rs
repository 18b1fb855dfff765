//! Blocks whose inside is computed again in the backward pass instead of being kept ([`super::Compute::recompute`]).
//!
//! Memory of a stack: each block's input and output, and the inside of one block. The second time a block runs under
//! [`Mode::Again`], so that running statistics move once.

use candle_core::{Error, Tensor};
use manabi_kernels::recompute::{Pass, recompute as kernel};

use crate::{Result, encoder::Mode};

/// `block` of `x`: kept for the backward pass, or computed `again` there.
pub(super) fn recompute<F>(again: bool, x: &Tensor, mode: Mode, block: F) -> Result<Tensor>
where
    F: Fn(&Tensor, Mode) -> Result<Tensor> + Send + Sync + 'static,
{
    if !again {
        return block(x, mode);
    }
    let run = move |x: &Tensor, pass| {
        let mode = match (mode, pass) {
            (Mode::Train, Pass::Again) => Mode::Again,
            _ => mode,
        };
        block(x, mode).map_err(Error::wrap)
    };
    Ok(kernel(x, run)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::nn::{BasicBlock, Bottleneck, Compute, Params, Residual, Transformer, TransformerConfig};

    fn input(shape: &[usize]) -> Var {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7).sin()).collect();
        Var::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// The bits of the value, of the gradients of `x` and all parameters, and of the buffers.
    fn results(params: &Params, x: &Var, y: &Tensor) -> Vec<(String, Option<Vec<u32>>)> {
        let bits = |t: &Tensor| -> Vec<u32> {
            t.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().map(|v| v.to_bits()).collect()
        };
        let weights = input(y.dims()).sin().unwrap();
        let grads = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
        let mut all = vec![("y".into(), Some(bits(y))), ("x".into(), grads.get(x).map(bits))];
        for (name, var, _) in params.trainable() {
            all.push((name, grads.get(&var).map(bits)));
        }
        for (name, value) in params.snapshot().unwrap() {
            all.push((name, Some(bits(&value))));
        }
        all
    }

    /// Fails unless two views through one block give the same bits both ways.
    fn same(shape: &[usize], build: impl Fn(&Params) -> Box<dyn Fn(&Tensor) -> Tensor>) {
        let run = |recompute| {
            let compute = Compute { recompute, ..Compute::default() };
            let params = Params::new(3, &Device::Cpu).with_compute(compute);
            let (block, x) = (build(&params), input(shape));
            let other = (x.detach() * -0.5).unwrap();
            let y = Tensor::cat(&[block(&x), block(&other)], 0).unwrap();
            results(&params, &x, &y)
        };
        let (kept, again) = (run(false), run(true));
        assert!(kept.iter().all(|(_, bits)| bits.is_some()));
        for (a, b) in kept.iter().zip(&again) {
            assert!(a == b, "{} differs", a.0);
        }
    }

    #[test]
    fn residual_blocks_have_the_same_bits_and_move_their_running_statistics_once() {
        same(&[4, 6, 5, 5], |params| {
            let block = BasicBlock::new(params, 6, 8, 2).unwrap();
            Box::new(move |x| block.forward(x, Mode::Train).unwrap())
        });
        same(&[4, 8, 5, 5], |params| {
            let block = Bottleneck::new(params, 8, 2, 1).unwrap();
            Box::new(move |x| block.forward(x, Mode::Train).unwrap())
        });
    }

    #[test]
    fn transformer_blocks_have_the_same_bits_with_padding_and_without() {
        for padded in [false, true] {
            same(&[2, 5, 8], |params| {
                let stack = Transformer::new(params, &TransformerConfig { depth: 2, dim: 8, heads: 2 }).unwrap();
                let keep: Vec<f32> = (0..10).map(|i| if i % 5 == 4 { 0.0 } else { 1.0 }).collect();
                let keep = padded.then(|| Tensor::from_vec(keep, (2, 5), &Device::Cpu).unwrap());
                Box::new(move |x| stack.forward(x, keep.as_ref()).unwrap())
            });
        }
    }

    #[test]
    fn an_error_inside_a_block_keeps_its_words() {
        let x = input(&[3]);
        let fail = |_: &Tensor, _| Err(crate::Error::config("three is too few"));
        let message = recompute(true, &x, Mode::Train, fail).unwrap_err().to_string();
        assert!(message.contains("three is too few"), "{message}");
    }
}
