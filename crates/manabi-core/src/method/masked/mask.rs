//! Which tokens are hidden: a pure function of the step's key.
//!
//! *Random*: each token alone (MAE, BERT). *Block*: squares of `block × block` tokens, or runs of `block` where the
//! tokens are a sequence, hidden together, so that a neighbour cannot give the answer away (as SimMIM's large patches).

use candle_core::{Device, Tensor};

use crate::{
    Error, Result,
    encoder::Mask,
    rng::{Key, Purpose},
};

/// A mask `(N, T)` for tokens on a `grid` of rows × columns, `ratio` of them hidden
/// (at least one, and at least one seen).
pub fn grid_mask(
    seed: u64,
    step: u64,
    samples: &[usize],
    grid: (usize, usize),
    block: usize,
    ratio: f64,
    device: &Device,
) -> Result<Mask> {
    let (rows, columns) = grid;
    // In a sequence, a grid of one row, a block is a run.
    let (height, width) = (block.clamp(1, rows.max(1)), block.clamp(1, columns.max(1)));
    let (block_rows, block_columns) = (rows.div_ceil(height), columns.div_ceil(width));
    let cells = block_rows * block_columns;
    if cells < 2 {
        return Err(Error::config(format!(
            "masking needs at least 2 blocks of tokens; a grid of {rows} x {columns} in blocks of {block} has {cells}"
        )));
    }
    let hidden = ((cells as f64 * ratio).round() as usize).clamp(1, cells - 1);
    let mut mask = vec![0f32; samples.len() * rows * columns];
    for (position, (&sample, mask)) in samples.iter().zip(mask.chunks_mut(rows * columns)).enumerate() {
        let key = Key::new(seed, Purpose::Mask).epoch(step).sample(sample as u64).view(position as u32);
        for cell in key.rng().permutation(cells).into_iter().take(hidden) {
            let (top, left) = (cell / block_columns * height, cell % block_columns * width);
            for row in top..(top + height).min(rows) {
                mask[row * columns + left..row * columns + (left + width).min(columns)].fill(1.0);
            }
        }
    }
    Ok(Mask { masked: Tensor::from_vec(mask, (samples.len(), rows * columns), device)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(grid: (usize, usize), block: usize, ratio: f64) -> Vec<Vec<f32>> {
        grid_mask(1, 5, &[3, 9], grid, block, ratio, &Device::Cpu).unwrap().masked.to_vec2().unwrap()
    }

    #[test]
    fn the_asked_share_of_tokens_is_hidden_and_samples_differ() {
        let m = mask((8, 8), 2, 0.75);
        assert!(m.iter().all(|row| row.iter().sum::<f32>() == 48.0));
        assert_ne!(m[0], m[1]);
    }

    #[test]
    fn at_least_one_token_is_hidden_and_one_is_seen() {
        for ratio in [0.0, 1.0] {
            let hidden = mask((1, 5), 1, ratio)[0].iter().sum::<f32>();
            assert!((1.0..=4.0).contains(&hidden));
        }
    }

    #[test]
    fn blocks_of_a_sequence_are_runs() {
        let m = mask((1, 12), 3, 0.5);
        assert_eq!(m[0].iter().sum::<f32>(), 6.0);
        assert!(m[0].chunks(3).all(|run| run.iter().all(|hidden| *hidden == run[0])));
    }

    #[test]
    fn blocks_are_hidden_whole() {
        let m = mask((4, 4), 2, 0.5);
        for row in [0, 2] {
            for column in [0, 2] {
                let at = |r: usize, c: usize| m[0][(row + r) * 4 + column + c];
                assert!(at(0, 0) == at(0, 1) && at(0, 0) == at(1, 0) && at(0, 0) == at(1, 1));
            }
        }
    }
}
