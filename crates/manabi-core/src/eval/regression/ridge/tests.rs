//! Ridge regression against scikit-learn's figures and the normal equations.

use proptest::prelude::*;

use super::*;
use crate::eval::{neighbors::tests::noise, scale::Scale};

fn example(n: usize, d: usize) -> (Features, Vec<f64>) {
    let at = |i: usize, j: usize| ((((i * 37 + j * 101) % 211) as f64 / 9.0).sin() + 0.1 * j as f64) as f32;
    let data = (0..n * d).map(|k| at(k / d, k % d)).collect();
    let target = |i: usize| f64::from(2.0 * at(i, 0)) - f64::from(at(i, 1)) + (i * 53 % 17) as f64 / 10.0;
    (Features::new(n, d, data).unwrap(), (0..n).map(target).collect())
}

fn decades() -> Config {
    Config { strengths: (-3..2).map(|e| 10f64.powi(e)).collect(), ..Config::default() }
}

// import numpy as np; from sklearn.linear_model import RidgeCV; from sklearn.preprocessing import StandardScaler
// for n, d in [(40, 5), (12, 30)]:
//     i, j = np.indices((n, d)); x = (np.sin((i*37 + j*101) % 211/9.0) + 0.1*j).astype("f").astype(float)
//     t = 2*x[:, 0] - x[:, 1] + (np.arange(n)*53 % 17)/10; z = StandardScaler().fit_transform(x)
//     m = RidgeCV(alphas=n*10.0**np.arange(-3, 2), store_cv_results=True).fit(z, t)
//     print(np.sqrt(m.cv_results_.mean(0)), m.alpha_/n, m.predict(z)[:3])
#[test]
fn strength_errors_and_predictions_are_those_of_scikit_learn() {
    for (n, d, errors, strength, first) in [
        (
            40,
            5,
            [0.55373911, 0.55260757, 0.58238413, 0.84164546, 1.19162435],
            0.01,
            [1.34980556, -1.2511771, 1.83630574],
        ),
        (
            12,
            30,
            [0.81938279, 0.82436214, 0.87275742, 1.08885192, 1.25009473],
            0.001,
            [0.87566586, -1.91222134, 1.60621517],
        ),
    ] {
        let (features, targets) = example(n, d);
        let ridge = Ridge::fit_select(&features, &targets, None, &decades()).unwrap();
        assert_eq!(ridge.strength(), strength);
        assert!(ridge.path().iter().zip(errors).all(|((_, a), b)| (a - b).abs() < 1e-4), "{:?}", ridge.path());
        let predicted = ridge.predict(&features).unwrap();
        assert!(predicted.iter().zip(first).all(|(a, b)| (a - b).abs() < 1e-4), "{:?}", &predicted[..3]);
        assert_eq!(predicted, Ridge::fit(&features, &targets, strength).unwrap().predict(&features).unwrap());
    }
}

#[test]
fn rows_of_a_held_out_group_are_not_learnt_from_one_another() {
    // Features tell the group apart, the target is the group's own: by row that looks perfect, by group it is useless.
    let groups: Vec<u64> = (0..80).map(|row| row / 10).collect();
    let signature = noise(8, 12, 3);
    let data: Vec<f32> = groups.iter().flat_map(|&g| signature.row(g as usize).to_vec()).collect();
    let features = Features::new(80, 12, data).unwrap();
    let targets: Vec<f64> = groups.iter().map(|g| (g * g % 7) as f64).collect();
    let fit = |groups| Ridge::fit_select(&features, &targets, groups, &Config::default()).unwrap();
    let (by_row, by_group) = (fit(None), fit(Some(&groups[..])));
    let best = |ridge: &Ridge| ridge.path().iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    assert!(best(&by_row) < 0.1 && best(&by_group) > 1.0, "{} {}", best(&by_row), best(&by_group));
    assert!(by_group.strength() > by_row.strength());
}

#[test]
fn one_group_is_no_group_and_equal_rows_leave_the_mean() {
    let (features, targets) = example(40, 5);
    let alone = Ridge::fit_select(&features, &targets, Some(&[3; 40]), &decades()).unwrap();
    assert_eq!(alone.strength(), 0.01);
    let same = Ridge::fit_select(&features.select(&[0; 4]), &[1.0, 2.0, 3.0, 6.0], None, &decades()).unwrap();
    assert_eq!(same.predict(&features).unwrap(), vec![3.0; 40]);
    assert_eq!(same.strength(), 10.0);
}

#[test]
fn what_cannot_be_fitted_is_refused_with_numbers() {
    let (features, mut targets) = example(6, 2);
    let message = |targets: &[f64]| Ridge::fit(&features, targets, 0.1).unwrap_err().to_string();
    assert!(message(&targets[..5]).contains("5 targets for 6 rows"));
    targets[4] = f64::NAN;
    assert!(message(&targets).contains("row 4 is NaN"));
    assert!(Ridge::fit(&features, &[0.0; 6], 0.0).is_err());
    assert!(Ridge::fit(&features.select(&[0]), &[0.0], 0.1).unwrap_err().to_string().contains("at least 2"));
}

/// `a x = b` by elimination with pivots.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap();
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[i][k] / a[k][k];
            for j in k..n {
                a[i][j] -= factor * a[k][j];
            }
            b[i] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        b[k] = (b[k] - (k + 1..n).map(|j| a[k][j] * b[j]).sum::<f64>()) / a[k][k];
    }
    b
}

proptest! {
    #[test]
    fn both_ways_solve_the_normal_equations(n in 3..25usize, d in 1..20usize, power in -2..2i32, seed: u64) {
        let features = noise(n, d, seed);
        let targets: Vec<f64> = (0..n).map(|i| (i as f64 * 1.3).sin() * 4.0 + 7.0).collect();
        let strength = 10f64.powi(power);
        let z = Scale::fit(&features).unwrap().apply(&features).unwrap();
        let mean = targets.iter().sum::<f64>() / n as f64;
        let product = |i: usize, j: usize| (0..n).map(|r| f64::from(z.row(r)[i]) * f64::from(z.row(r)[j])).sum::<f64>() / n as f64;
        let a = (0..d).map(|i| (0..d).map(|j| product(i, j) + if i == j { strength } else { 0.0 }).collect()).collect();
        let b = (0..d).map(|i| (0..n).map(|r| f64::from(z.row(r)[i]) * (targets[r] - mean)).sum::<f64>() / n as f64).collect();
        let w = solve(a, b);
        let predicted = Ridge::fit(&features, &targets, strength).unwrap().predict(&features).unwrap();
        for (row, p) in predicted.iter().enumerate() {
            let plain = mean + z.row(row).iter().zip(&w).map(|(x, w)| f64::from(*x) * w).sum::<f64>();
            prop_assert!((p - plain).abs() < 1e-4, "{} {}", p, plain);
        }
    }
}
