//! Convolution as a matrix product: the patches under all positions become the columns of a matrix.
//!
//! For each group of channels, Y = W · columns(X) with columns (Ci · Kh · Kw, positions), gW = gY · columns(X)ᵀ, and
//! gX adds up Wᵀ · gY where the patches came from. Several small images share one matrix, so that the product is wide
//! enough, and a large one is cut into strips, so that the matrix stays near. Weight gradients are added up in one
//! buffer a thread over fixed ranges of images, then over the threads in order.

mod columns;
mod padded;
mod reach;

use candle_core::Result;
use rayon::prelude::*;

use super::{geometry::Geometry, op::Gradients};
use crate::matmul::{Matrix, Start, gemm, gemm_at};
use crate::memory::{Scratch, build};
use crate::storage::Shared;
use columns::{Block, Blocks, add_back, columns, in_place, space};

/// The output, (N, Co, positions).
pub(super) fn forward(g: &Geometry, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Result<Vec<f32>> {
    let blocks = Blocks::new(g);
    let fill = |y: &mut [f32]| {
        let y = Shared::new(y);
        // SAFETY: the blocks are disjoint.
        (0..blocks.count()).into_par_iter().try_for_each(|i| unsafe { block(g, x, w, bias, &blocks.at(i), y) })
    };
    // SAFETY: the blocks cover all positions of all images, and in each every group writes all of its channels.
    unsafe { build(g.n * g.output(), fill) }
}

/// # Safety
/// `y` is the whole output, and no other task uses the positions of the block.
unsafe fn block(g: &Geometry, x: &[f32], w: &[f32], bias: Option<&[f32]>, block: &Block, y: Shared) -> Result<()> {
    let (positions, taps, (_, per_group)) = (g.positions(), g.taps(), g.per_group());
    let (width, each) = (block.width(), block.each);
    let mut space = Scratch::new(space(g, block));
    let mut product = Scratch::new(if block.images.len() == 1 { 0 } else { per_group * width });
    for group in 0..g.groups {
        let columns = columns(g, x, block, group, &mut space);
        let channels = group * per_group..(group + 1) * per_group;
        let w = Matrix::rows(&w[channels.start * taps..], taps);
        let size = (per_group, width, taps);
        let row = |image: usize, c: usize| image * g.output() + c * positions + block.first;
        if block.images.len() > 1 {
            gemm(g.precision, size, w, columns, &mut product, width, false)?;
            for (i, image) in block.images.clone().enumerate() {
                for (c, from) in channels.clone().zip(product.chunks_exact(width)) {
                    // SAFETY: the block's own positions.
                    let to = unsafe { y.at(row(image, c), each) };
                    let (from, bias) = (&from[i * each..][..each], bias.map(|b| b[c]));
                    match bias {
                        None => to.copy_from_slice(from),
                        Some(bias) => to.iter_mut().zip(from).for_each(|(to, v)| *to = v + bias),
                    }
                }
            }
            continue;
        }
        let image = block.images.start;
        if let Some(bias) = bias {
            for c in channels.clone() {
                // SAFETY: as above.
                unsafe { y.at(row(image, c), each) }.fill(bias[c]);
            }
        }
        let start = if bias.is_some() { Start::Add } else { Start::Zero };
        // SAFETY: the block's own positions, written above where the product starts from them.
        unsafe { gemm_at(g.precision, size, w, columns, y.offset(row(image, channels.start)), positions, start)? };
    }
    Ok(())
}

/// The gradients of input and weights, where wanted.
pub(super) fn backward(g: &Geometry, x: &[f32], w: &[f32], grad: &[f32], wanted: (bool, bool)) -> Gradients {
    let blocks = Blocks::new(g);
    let workers = rayon::current_num_threads().min(blocks.sets());
    let mut partial = vec![0f32; if wanted.1 { workers * w.len() } else { 0 }];
    let mut run = |gx: &mut [f32]| {
        let (gx, gw) = (Shared::new(gx), Shared::new(&mut partial));
        (0..workers).into_par_iter().try_for_each(|worker| {
            // SAFETY: each worker has its own weight gradient.
            let mut gw = wanted.1.then(|| unsafe { gw.at(worker * w.len(), w.len()) });
            for set in worker * blocks.sets() / workers..(worker + 1) * blocks.sets() / workers {
                let images = blocks.images(set);
                // SAFETY: each set belongs to one worker, and its images to one set.
                let mut gx = wanted.0.then(|| unsafe { gx.at(images.start * g.image(), images.len() * g.image()) });
                // Products that end in the images themselves need no zeros to start from.
                if let Some(gx) = gx.as_deref_mut().filter(|_| !in_place(g, &blocks.at(blocks.of(set).start))) {
                    gx.fill(0.0);
                }
                for i in blocks.of(set) {
                    backward_block(g, (x, w, grad), &blocks.at(i), gx.as_deref_mut(), gw.as_deref_mut())?;
                }
            }
            Ok::<(), candle_core::Error>(())
        })
    };
    let gx = match wanted.0 {
        // SAFETY: the sets cover all images, and all of each is cleared first.
        true => Some(unsafe { build(x.len(), &mut run) }?),
        false => {
            run(&mut [])?;
            None
        }
    };
    Ok((gx, wanted.1.then(|| total(partial, w.len()))))
}

/// The sum of the workers' gradients, which lie one after the other.
pub(super) fn total(mut partial: Vec<f32>, len: usize) -> Vec<f32> {
    let (sum, others) = partial.split_at_mut(len);
    for other in others.chunks_exact(len) {
        for (a, b) in sum.iter_mut().zip(other) {
            *a += b;
        }
    }
    partial.truncate(len);
    partial
}

/// Adds the gradients of one block to those of the weights, and of the images of its set.
fn backward_block(
    g: &Geometry,
    (x, w, grad): (&[f32], &[f32], &[f32]),
    block: &Block,
    mut gx: Option<&mut [f32]>,
    mut gw: Option<&mut [f32]>,
) -> Result<()> {
    let (positions, taps, (_, per_group)) = (g.positions(), g.taps(), g.per_group());
    let (width, each, single) = (block.width(), block.each, block.images.len() == 1);
    let direct = in_place(g, block);
    let mut space = Scratch::new(space(g, block));
    let mut joined = Scratch::new(if single { 0 } else { per_group * width });
    for group in 0..g.groups {
        let row = |image: usize, c: usize| image * g.output() + (group * per_group + c) * positions + block.first;
        let gy = if single {
            Matrix::rows(&grad[row(block.images.start, 0)..], positions)
        } else {
            for (c, joined) in joined.chunks_exact_mut(width).enumerate() {
                for (image, to) in block.images.clone().zip(joined.chunks_exact_mut(each)) {
                    to.copy_from_slice(&grad[row(image, c)..][..each]);
                }
            }
            Matrix::rows(&joined, width)
        };
        let weights = group * per_group * taps..(group + 1) * per_group * taps;
        if let Some(gw) = gw.as_deref_mut() {
            let columns = columns(g, x, block, group, &mut space);
            gemm(g.precision, (per_group, taps, width), gy, columns.t(), &mut gw[weights.clone()], taps, true)?;
        }
        if let Some(gx) = gx.as_deref_mut() {
            let w = Matrix::rows(&w[weights], taps).t();
            if direct {
                let start = group * taps * positions + block.first;
                gemm(g.precision, (taps, width, per_group), w, gy, &mut gx[start..], positions, false)?;
            } else {
                gemm(g.precision, (taps, width, per_group), w, gy, &mut space, width, false)?;
                add_back(g, &space, block, group, gx);
            }
        }
    }
    Ok(())
}
