//! Fixed positions of tokens on a grid: sines and cosines (Vaswani et al., arXiv:1706.03762), half of the width for
//! the row and half for the column, as MAE's decoder has them.

use candle_core::{Device, Tensor};

use crate::{Error, Result};

/// Positions `(rows · columns, dim)` of a grid, row by row; `dim` is a multiple of 4.
///
/// For each axis and `k < dim/4`: `sin(p / 10000^(4k/dim))`, then the cosines.
pub fn grid_positions(grid: (usize, usize), dim: usize, device: &Device) -> Result<Tensor> {
    if dim == 0 || !dim.is_multiple_of(4) {
        return Err(Error::config(format!("positions on a grid need a width that is a multiple of 4, not {dim}")));
    }
    let (rows, columns) = grid;
    let quarter = dim / 4;
    let mut values = Vec::with_capacity(rows * columns * dim);
    for row in 0..rows {
        for column in 0..columns {
            for place in [row, column] {
                let angle = |k: usize| place as f64 / 10000f64.powf(k as f64 / quarter as f64);
                values.extend((0..quarter).map(|k| angle(k).sin() as f32));
                values.extend((0..quarter).map(|k| angle(k).cos() as f32));
            }
        }
    }
    Ok(Tensor::from_vec(values, (rows * columns, dim), device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    // timm/MAE: get_2d_sincos_pos_embed(8, 3) with rows first:
    // import numpy as np; w = 1 / 10000 ** (np.arange(2) / 2)
    // f = lambda p: np.concatenate([np.sin(p * w), np.cos(p * w)]); print(np.concatenate([f(1), f(2)]))
    #[test]
    fn positions_are_those_of_mae() {
        let all = grid_positions((3, 3), 8, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        let wanted = [0.84147098, 0.00999983, 0.54030231, 0.99995000, 0.90929743, 0.01999867, -0.41614684, 0.99980001];
        assert!(all[5].iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", all[5]);
        assert_eq!(all[0], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn a_width_that_cannot_be_divided_is_refused() {
        assert!(grid_positions((2, 2), 6, &Device::Cpu).unwrap_err().to_string().contains("not 6"));
    }
}
