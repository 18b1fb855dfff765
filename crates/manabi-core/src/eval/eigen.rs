//! Eigenvalues and eigenvectors of a real symmetric matrix.
//!
//! Source: Golub & Van Loan, *Matrix Computations*, 8.3: Householder reduction `A = Q T Qᵀ` to a tridiagonal matrix,
//! then implicit QL with Wilkinson's shift. The plane rotations of QL are recorded and applied afterwards to panels of
//! rows of `Q`, each of which stays in one core's cache; panels run in parallel and share nothing, so that the result
//! does not depend on the number of threads.
//!
//! Shapes: `(n, n)` row-major in, `n` values (largest first) and `(n, n)` vectors (one a row) out.
//! Cost: about `14 n³` operations in f64 and `24 n² + 1.7 · 24 n²` bytes.

use rayon::prelude::*;

use super::matrix::dot;
use crate::error::{Error, Result};

/// The eigen-decomposition of a symmetric matrix, largest eigenvalue first.
#[derive(Debug, Clone)]
pub struct Eigen {
    /// The eigenvalues, in descending order.
    pub values: Vec<f64>,
    /// The unit eigenvectors, one a row, in the order of `values`. The largest component of each is positive.
    pub vectors: Vec<f64>,
}

/// Rows of `Q` that one task carries through all the rotations.
const PANEL: usize = 32;

/// A plane rotation of columns `index` and `index + 1`.
struct Rotation {
    index: usize,
    cos: f64,
    sin: f64,
}

/// Decomposes a symmetric matrix of `n` rows; only its symmetry is trusted, not checked.
pub fn symmetric(matrix: Vec<f64>, n: usize) -> Result<Eigen> {
    if n == 0 || matrix.len() != n * n {
        return Err(Error::Data(format!("{} numbers are not a matrix of {n} x {n}", matrix.len())));
    }
    if matrix.iter().any(|x| !x.is_finite()) {
        return Err(Error::Data("a matrix with a value that is not finite has no eigenvalues".into()));
    }
    let mut reflectors = matrix;
    let (mut diagonal, mut off) = tridiagonalize(&mut reflectors, n);
    let rotations = ql(&mut diagonal, &mut off)?;

    let panels: Vec<(usize, Vec<f64>)> = (0..n)
        .step_by(PANEL)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|first| (first, panel(&reflectors, n, first, &rotations)))
        .collect();

    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
    let mut vectors = vec![0.0; n * n];
    for (row, &source) in vectors.chunks_exact_mut(n).zip(&order) {
        for (first, panel) in &panels {
            let width = panel.len() / n;
            row[*first..first + width].copy_from_slice(&panel[source * width..(source + 1) * width]);
        }
        let largest = row.iter().fold(0.0_f64, |best, &x| if x.abs() > best.abs() * (1.0 + 1e-9) { x } else { best });
        if largest < 0.0 {
            row.iter_mut().for_each(|x| *x = -*x);
        }
    }
    Ok(Eigen { values: order.iter().map(|&i| diagonal[i]).collect(), vectors })
}

/// Reduces `a` to tridiagonal form. Row `k` is left holding, from column `k + 1` on, the reflector `v` of step `k`,
/// scaled so that `H = I - v vᵀ`.
fn tridiagonalize(a: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut off) = (vec![0.0; n], vec![0.0; n]);
    for k in 0..n {
        diagonal[k] = a[k * n + k];
        if k + 1 == n {
            break;
        }
        let (top, below) = a.split_at_mut((k + 1) * n);
        let v = &mut top[k * n + k + 1..];
        let norm = dot(v, v).sqrt();
        if k + 2 == n || norm == 0.0 {
            off[k] = if k + 2 == n { v[0] } else { 0.0 };
            v.fill(0.0);
            continue;
        }
        off[k] = if v[0] > 0.0 { -norm } else { norm };
        v[0] -= off[k];
        let scale = (2.0 / dot(v, v)).sqrt();
        v.iter_mut().for_each(|x| *x *= scale);
        let v = &*v;
        let rows = n - k - 1;
        // Below some hundred rows a step is over sooner than another thread wakes up.
        let chunk = if rows < 256 { rows } else { rows.div_ceil(8) } * n;
        let mut w: Vec<f64> = below
            .par_chunks(chunk)
            .flat_map_iter(|block| block.chunks_exact(n).map(|row| dot(&row[k + 1..], v)))
            .collect();
        let half = 0.5 * dot(&w, v);
        w.iter_mut().zip(v).for_each(|(w, v)| *w -= half * v);
        let w = &w;
        below.par_chunks_mut(chunk).enumerate().for_each(|(i, block)| {
            for (row, offset) in block.chunks_exact_mut(n).zip(i * (chunk / n)..) {
                let (vi, wi) = (v[offset], w[offset]);
                for ((x, v), w) in row[k + 1..].iter_mut().zip(v).zip(w) {
                    *x -= vi * w + wi * v;
                }
            }
        });
    }
    (diagonal, off)
}

/// Implicit QL on a tridiagonal matrix: leaves the eigenvalues in `d`, returns the rotations in order.
fn ql(d: &mut [f64], e: &mut [f64]) -> Result<Vec<Rotation>> {
    let n = d.len();
    let mut rotations = Vec::with_capacity(2 * n * n);
    // What is below the matrix's own rounding counts as zero: where many eigenvalues are zero, their neighbours on
    // the diagonal are rounding errors too, and comparing with those alone would never end.
    let noise = f64::EPSILON * d.iter().zip(e.iter()).map(|(d, e)| d.abs() + e.abs()).fold(0.0, f64::max);
    for l in 0..n {
        for iteration in 0.. {
            let small = |m: usize| e[m].abs() <= noise.max(f64::EPSILON * (d[m].abs() + d[m + 1].abs()));
            let m = (l..n - 1).find(|&m| small(m)).unwrap_or(n - 1);
            if m == l {
                break;
            }
            if iteration == 60 {
                return Err(Error::Data("the eigenvalues did not converge in 60 steps".into()));
            }
            let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            g = d[m] - d[l] + e[l] / (g + g.hypot(1.0).copysign(g));
            let (mut sin, mut cos, mut p) = (1.0, 1.0, 0.0);
            let mut split = false;
            for i in (l..m).rev() {
                let (f, b) = (sin * e[i], cos * e[i]);
                let r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    split = true;
                    break;
                }
                (sin, cos) = (f / r, g / r);
                g = d[i + 1] - p;
                let r = (d[i] - g) * sin + 2.0 * cos * b;
                p = sin * r;
                d[i + 1] = g + p;
                g = cos * r - b;
                rotations.push(Rotation { index: i, cos, sin });
            }
            if !split {
                d[l] -= p;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
    Ok(rotations)
}

/// Rows `first..` of `Q` times all the rotations, stored `(n, width)`: column-major for the rows of `Q`.
fn panel(reflectors: &[f64], n: usize, first: usize, rotations: &[Rotation]) -> Vec<f64> {
    let width = PANEL.min(n - first);
    let mut panel = vec![0.0; n * width];
    for column in 0..width {
        panel[(first + column) * width + column] = 1.0;
    }
    let mut sums = vec![0.0; width];
    for k in 0..n.saturating_sub(1) {
        let v = &reflectors[k * n + k + 1..(k + 1) * n];
        let rows = &mut panel[(k + 1) * width..];
        sums.fill(0.0);
        for (row, v) in rows.chunks_exact(width).zip(v) {
            sums.iter_mut().zip(row).for_each(|(s, x)| *s += v * x);
        }
        for (row, v) in rows.chunks_exact_mut(width).zip(v) {
            row.iter_mut().zip(&sums).for_each(|(x, s)| *x -= v * s);
        }
    }
    for &Rotation { index, cos, sin } in rotations {
        let (left, right) = panel[index * width..(index + 2) * width].split_at_mut(width);
        for (x, y) in left.iter_mut().zip(right) {
            (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
        }
    }
    panel
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    fn random_symmetric(n: usize) -> Vec<f64> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let x = rng.random_range(-1.0..1.0);
                (a[i * n + j], a[j * n + i]) = (x, x);
            }
        }
        a
    }

    #[test]
    fn vectors_are_orthonormal_and_rebuild_the_matrix() {
        for n in [1, 2, 3, 7, 33, 100] {
            let a = random_symmetric(n);
            let eigen = symmetric(a.clone(), n).unwrap();
            let v = |i: usize| &eigen.vectors[i * n..(i + 1) * n];
            for i in 0..n {
                for j in 0..n {
                    assert!((dot(v(i), v(j)) - f64::from(i == j)).abs() < 1e-12);
                    let rebuilt: f64 = (0..n).map(|k| eigen.values[k] * v(k)[i] * v(k)[j]).sum();
                    assert!((rebuilt - a[i * n + j]).abs() < 1e-12 * n as f64);
                }
            }
            assert!(eigen.values.windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }

    #[test]
    fn a_matrix_of_low_rank_and_one_of_zeros_are_handled() {
        let n = 20;
        let ones = symmetric(vec![1.0; n * n], n).unwrap();
        assert!((ones.values[0] - 20.0).abs() < 1e-12);
        assert!(ones.values[1..].iter().all(|x| x.abs() < 1e-12));
        // A tenth of the rank, on scales from 1 down to the rounding of the largest.
        let (n, rank) = (300, 30);
        let factor: Vec<f64> = (0..n * rank)
            .map(|t| ((t * 7919 % 1013) as f64 / 506.5 - 1.0) * 10f64.powi(-((t % rank) as i32) / 2))
            .collect();
        let at = |i: usize, j: usize| (0..rank).map(|r| factor[i * rank + r] * factor[j * rank + r]).sum::<f64>();
        let low = symmetric((0..n * n).map(|t| at(t / n, t % n)).collect(), n).unwrap();
        let trace: f64 = (0..n).map(|i| at(i, i)).sum();
        assert!((low.values.iter().sum::<f64>() - trace).abs() < 1e-10 * trace);
        assert!(low.values[rank..].iter().all(|x| x.abs() < 1e-12 * trace));
        assert!(symmetric(vec![0.0; 9], 3).unwrap().values.iter().all(|&x| x == 0.0));
        assert!(symmetric(vec![f64::NAN], 1).is_err());
    }
}
