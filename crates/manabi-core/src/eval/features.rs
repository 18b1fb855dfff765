//! A matrix of embeddings, and the two ways to put its columns on one scale.
//!
//! - [`Standardizer`]: `(x - mean) / std`, column by column, as scikit-learn's `StandardScaler`.
//! - [`Whitener`]: PCA whitening `Λ'^(-1/2) Vᵀ (x - mean)` with `Λ' = (1 - ρ) Λ + ρ tr(Λ)/D`, where `V Λ Vᵀ` is the
//!   covariance (over N) and the shrinkage `ρ` is that of OAS (Chen et al. 2010, arXiv:0907.4698), which for few rows
//!   keeps directions of mere noise from being blown up. Fit it on unlabelled rows, alike for all representations.
//!
//! Shapes: `(N, D)` in; `(N, D)` or `(N, components)` out. Cost: `N D²` operations for the covariance, `14 D³` for its
//! eigenvectors (a second at D = 1024 on two cores), `N D · components` to apply.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::eigen;
use super::matrix::{BLOCK, blocks, column_means, column_sums, dots, gram, tensor};
use crate::error::{Error, Result};

/// Above this many columns a covariance is refused: its eigenvectors would take minutes.
const WIDEST: usize = 4096;

/// Embeddings `(rows, dim)`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    rows: usize,
    dim: usize,
    data: Vec<f32>,
}

impl Features {
    /// Takes `rows * dim` finite numbers, row after row.
    pub fn new(rows: usize, dim: usize, data: Vec<f32>) -> Result<Self> {
        if dim == 0 || data.len() != rows * dim {
            return Err(Error::Data(format!("{} numbers are not {rows} rows of {dim} features", data.len())));
        }
        if let Some(at) = data.iter().position(|x| !x.is_finite()) {
            return Err(Error::Data(format!("feature {} of row {} is {}", at % dim, at / dim, data[at])));
        }
        Ok(Self { rows, dim, data })
    }

    /// Takes a tensor `(rows, dim)` of any device and floating type.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let (rows, dim) = tensor.dims2()?;
        let tensor = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        Self::new(rows, dim, tensor.flatten_all()?.to_vec1()?)
    }

    /// The same numbers as an f32 tensor `(rows, dim)` on the CPU.
    pub fn to_tensor(&self) -> Result<Tensor> {
        tensor(&self.data, self.rows, self.dim)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of features of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All the numbers, row after row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// One row. `i` must be less than [`rows`](Self::rows).
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.dim..(i + 1) * self.dim]
    }

    /// The rows named, in that order; a row may be named twice.
    pub fn select(&self, rows: &[usize]) -> Self {
        let data = rows.iter().flat_map(|&i| self.row(i)).copied().collect();
        Self { rows: rows.len(), dim: self.dim, data }
    }

    /// Every row divided by its length; a row of zeros stays as it is.
    pub fn l2_normalized(&self) -> Self {
        let mut data = self.data.clone();
        data.par_chunks_mut(self.dim).for_each(|row| {
            let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            if norm > 0.0 {
                row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
            }
        });
        Self { data, ..*self }
    }

    /// Refuses features that were not made by the same encoder as these.
    pub(crate) fn same_dim(&self, dim: usize) -> Result<()> {
        if self.dim != dim {
            return Err(Error::Data(format!("rows of {} features where {dim} are expected", self.dim)));
        }
        Ok(())
    }
}

/// Brings every column to mean 0 and standard deviation 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardizer {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Standardizer {
    /// Takes mean and standard deviation (over N) of each column. A constant column is only centred.
    pub fn fit(features: &Features) -> Result<Self> {
        if features.rows == 0 {
            return Err(Error::Data("no rows to standardise by".into()));
        }
        let mean = column_means(features);
        let squares = column_sums(features, |column, x| (f64::from(x) - mean[column]).powi(2));
        let scale = squares
            .iter()
            .zip(&mean)
            .map(|(square, mean)| {
                let std = (square / features.rows as f64).sqrt();
                if std <= 1e-6 * mean.abs() || std == 0.0 { 1.0 } else { 1.0 / std }
            })
            .collect();
        Ok(Self { mean, scale })
    }

    /// Takes the mean of each column, and one standard deviation for all: the root of the mean of their variances.
    pub fn fit_whole(features: &Features) -> Result<Self> {
        if features.rows == 0 {
            return Err(Error::Data("no rows to standardise by".into()));
        }
        let mean = column_means(features);
        let squares = column_sums(features, |column, x| (f64::from(x) - mean[column]).powi(2));
        let variance = squares.iter().sum::<f64>() / (features.rows * features.dim) as f64;
        let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 1.0 };
        Ok(Self { scale: vec![scale; mean.len()], mean })
    }

    /// For each column what is subtracted and what is multiplied by then.
    pub(crate) fn mean_and_scale(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.mean.iter().copied().zip(self.scale.iter().copied())
    }

    /// The rows on the new scale.
    pub fn apply(&self, features: &Features) -> Result<Features> {
        features.same_dim(self.mean.len())?;
        let mut data = features.data.clone();
        data.par_chunks_mut(features.dim).for_each(|row| {
            for ((x, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *x = ((f64::from(*x) - mean) * scale) as f32;
            }
        });
        Ok(Features { data, ..*features })
    }
}

/// How far the covariance is drawn towards a multiple of the identity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shrinkage {
    /// The oracle approximating shrinkage of Chen et al., from the rows themselves.
    Oas,
    /// A share between 0 (none) and 1 (only scaling).
    Fixed(f64),
}

/// Brings the principal components to variance 1.
#[derive(Debug, Clone)]
pub struct Whitener {
    mean: Vec<f64>,
    axes: Features,
    shrinkage: f64,
}

impl Whitener {
    /// Fits on rows that need no label; keeps the first `components`, or all.
    pub fn fit(features: &Features, components: Option<usize>, shrinkage: Shrinkage) -> Result<Self> {
        let (rows, dim) = (features.rows, features.dim);
        let components = components.unwrap_or(dim);
        if rows < 2 || dim > WIDEST || components == 0 || components > dim {
            return Err(Error::Config(format!(
                "whitening {rows} rows of {dim} features to {components}: needs two rows, at most {WIDEST} features"
            )));
        }
        let mean = column_means(features);
        let mut covariance = gram(features, Some(&mean), false)?;
        covariance.iter_mut().for_each(|x| *x /= rows as f64);
        let eigen = eigen::symmetric(covariance, dim)?;
        let d = dim as f64;
        let mu = eigen.values.iter().sum::<f64>() / d;
        let shrinkage = match shrinkage {
            Shrinkage::Fixed(share) if (0.0..=1.0).contains(&share) => share,
            Shrinkage::Fixed(share) => {
                return Err(Error::Config(format!("a shrinkage of {share} is not in 0..=1")));
            }
            Shrinkage::Oas => {
                let alpha = eigen.values.iter().map(|x| x * x).sum::<f64>() / (d * d);
                let denominator = (rows as f64 + 1.0) * (alpha - mu * mu / d);
                if denominator <= 0.0 { 1.0 } else { ((alpha + mu * mu) / denominator).min(1.0) }
            }
        };
        if mu <= 0.0 {
            return Err(Error::Data("all rows are the same: nothing to whiten".into()));
        }
        let mut data = Vec::with_capacity(components * dim);
        for (axis, value) in eigen.vectors.chunks_exact(dim).zip(&eigen.values).take(components) {
            let variance = ((1.0 - shrinkage) * value + shrinkage * mu).max(1e-12 * mu);
            data.extend(axis.iter().map(|x| (x / variance.sqrt()) as f32));
        }
        Ok(Self { mean, axes: Features::new(components, dim, data)?, shrinkage })
    }

    /// The share of shrinkage that was used.
    pub fn shrinkage(&self) -> f64 {
        self.shrinkage
    }

    /// The rows in whitened coordinates `(rows, components)`.
    pub fn apply(&self, features: &Features) -> Result<Features> {
        Features::new(features.rows, self.axes.rows, project(features, &self.mean, &self.axes)?)
    }
}

/// `(x - mean) · axesᵀ` for every row.
pub(crate) fn project(features: &Features, mean: &[f64], axes: &Features) -> Result<Vec<f32>> {
    features.same_dim(mean.len())?;
    let centre = Standardizer { mean: mean.to_vec(), scale: vec![1.0; mean.len()] };
    let axes = axes.to_tensor()?;
    let mut data = Vec::with_capacity(features.rows * axes.dim(0)?);
    for block in blocks(&centre.apply(features)?, 4 * BLOCK)? {
        data.extend(dots(&block, &axes)?);
    }
    Ok(data)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wave(rows: usize, dim: usize) -> Features {
        let data = (0..rows * dim).map(|i| ((i * i % 97) as f32 / 7.0).sin() + (i % dim) as f32).collect();
        Features::new(rows, dim, data).unwrap()
    }

    #[test]
    fn a_tensor_comes_back_unchanged_and_rows_are_selected() {
        let features = wave(5, 3);
        assert_eq!(Features::from_tensor(&features.to_tensor().unwrap()).unwrap(), features);
        assert_eq!(features.select(&[4, 0]).row(0), features.row(4));
        assert!(Features::new(2, 2, vec![0.0, 1.0, f32::NAN, 3.0]).is_err());
        assert!(Features::new(2, 2, vec![0.0; 3]).is_err());
    }

    #[test]
    fn normalised_rows_have_length_one_and_zero_stays_zero() {
        let rows = Features::new(2, 2, vec![3.0, 4.0, 0.0, 0.0]).unwrap().l2_normalized();
        assert_eq!(rows.data(), [0.6, 0.8, 0.0, 0.0]);
    }

    #[test]
    fn standardised_columns_have_mean_zero_and_deviation_one() {
        let mut features = wave(400, 6);
        features.data.iter_mut().skip(2).step_by(6).for_each(|x| *x = 0.1);
        let scaled = Standardizer::fit(&features).unwrap().apply(&features).unwrap();
        for column in 0..6 {
            let values: Vec<f64> = (0..400).map(|i| f64::from(scaled.row(i)[column])).collect();
            let mean = values.iter().sum::<f64>() / 400.0;
            let variance = values.iter().map(|x| x * x).sum::<f64>() / 400.0;
            assert!(mean.abs() < 1e-6);
            assert!((variance - f64::from(column != 2)).abs() < 1e-5);
        }
    }

    #[test]
    fn whitened_rows_have_the_identity_as_covariance() {
        let features = wave(400, 6);
        let whitener = Whitener::fit(&features, None, Shrinkage::Fixed(0.0)).unwrap();
        let covariance = gram(&whitener.apply(&features).unwrap(), None, false).unwrap();
        for (i, x) in covariance.iter().enumerate() {
            assert!((x / 400.0 - f64::from(i % 7 == 0)).abs() < 1e-4);
        }
        assert_eq!(Whitener::fit(&features, Some(2), Shrinkage::Oas).unwrap().apply(&features).unwrap().dim(), 2);
    }

    // import numpy as np; from sklearn.covariance import OAS
    // i = np.arange(240); x = (np.sin((i*i % 97)/7.0) + i % 6).reshape(40, 6) * np.arange(1, 7)
    // print(OAS().fit(x).shrinkage_)
    #[test]
    fn the_shrinkage_is_that_of_scikit_learn() {
        let mut features = wave(40, 6);
        features.data.iter_mut().enumerate().for_each(|(i, x)| *x *= (i % 6 + 1) as f32);
        let whitener = Whitener::fit(&features, None, Shrinkage::Oas).unwrap();
        assert!((whitener.shrinkage() - 0.236_430_382_887).abs() < 1e-6, "{}", whitener.shrinkage());
    }
}
