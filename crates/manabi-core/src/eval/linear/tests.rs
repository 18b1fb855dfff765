//! The probe against scikit-learn's figures, finite differences and its own promises.

use super::{objective::Objective, *};

/// Three overlapping classes in four features, without a random generator, so that Python can repeat them.
fn example(rows: usize) -> (Features, Vec<u32>) {
    let labels: Vec<u32> = (0..rows).map(|i| [0, 1, 2, 0, 1, 0][i % 6]).collect();
    let data = (0..rows * 4).map(|j| {
        let (i, d) = (j / 4, j % 4);
        let noise = ((i * 37 + d * 101) % 211) as f64 / 40.0 - 2.6;
        (noise + if labels[i] as usize == d { 2.0 } else { 0.0 } + 3.0 * d as f64) as f32
    });
    (Features::new(rows, 4, data.collect()).unwrap(), labels)
}

fn exact() -> ProbeOptions {
    let solver = Lbfgs { gradient_tolerance: 1e-7, value_tolerance: 0.0, ..Lbfgs::default() };
    ProbeOptions { solver, ..ProbeOptions::default() }
}

// import numpy as np; from sklearn.linear_model import LogisticRegression as LR
// from sklearn.preprocessing import StandardScaler
// n = 90; y = np.array([[0, 1, 2, 0, 1, 0][i % 6] for i in range(n)]); i, d = np.indices((n, 4))
// x = ((i*37 + d*101) % 211)/40 - 2.6 + 2.0*(y[:, None] == d) + 3.0*d
// z = StandardScaler().fit_transform(x.astype(np.float32).astype(float))
// for cw in [None, "balanced"]:
//     m = LR(C=1/(0.01*n), class_weight=cw, tol=1e-10, max_iter=10000).fit(z, y)
//     print(m.coef_.T.ravel(), m.intercept_, m.predict_proba(z)[0])
#[test]
fn weights_are_those_of_scikit_learn() {
    let (features, labels) = example(90);
    let figures: [(bool, [f64; 12], [f64; 3], [f64; 3]); 2] = [
        (
            false,
            [
                1.168470, -0.380594, -0.787875, -1.063959, 1.920179, -0.856220, -1.363377, -0.001143, 1.364520,
                0.664636, -1.446688, 0.782052,
            ],
            [0.849352, -0.008698, -0.840653],
            [0.033254, 0.146398, 0.820348],
        ),
        (
            true,
            [
                1.305298, -0.317454, -0.987844, -0.998993, 1.933812, -0.934819, -1.476032, -0.058277, 1.534310,
                0.635565, -1.460961, 0.825396,
            ],
            [0.552274, -0.028747, -0.523527],
            [0.010189, 0.068801, 0.921010],
        ),
    ];
    for (balanced, weights, bias, first) in figures {
        let options = ProbeOptions { balanced, ..exact() };
        let probe = LinearProbe::fit(&features, &labels, 0.01, &options).unwrap();
        let close = |ours: &[f64], theirs: &[f64]| ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 2e-4);
        assert!(close(probe.weights(), &weights), "{:?}", probe.weights());
        assert!(close(probe.bias(), &bias), "{:?}", probe.bias());
        let ours: Vec<f64> = probe.predict_proba(&features).unwrap()[..3].iter().map(|&p| p.into()).collect();
        assert!(close(&ours, &first), "{ours:?}");
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let (features, labels) = example(40);
    let problem =
        Objective::new(&Standardizer::fit(&features).unwrap().apply(&features).unwrap(), &labels, true).unwrap();
    let x: Vec<f64> = (0..15).map(|i| (f64::from(i) * 1.7).sin()).collect();
    let mut gradient = vec![0.0; 15];
    problem.value(&x, 0.1, &mut gradient).unwrap();
    for i in 0..15 {
        let at = |step: f64| {
            let mut x = x.clone();
            x[i] += step;
            problem.value(&x, 0.1, &mut [0.0; 15]).unwrap()
        };
        assert!(((at(1e-3) - at(-1e-3)) / 2e-3 - gradient[i]).abs() < 1e-4);
    }
}

#[test]
fn without_any_information_the_probabilities_are_the_class_frequencies() {
    let features = Features::new(8, 1, vec![1.0; 8]).unwrap();
    let probe = LinearProbe::fit(&features, &[0, 0, 0, 0, 0, 0, 7, 7], 0.1, &exact()).unwrap();
    let row = &probe.predict_proba(&features).unwrap()[..2];
    assert!((row[0] - 0.75).abs() < 1e-4 && (row[1] - 0.25).abs() < 1e-4);
    assert_eq!(probe.classes(), [0, 7]);
}

#[test]
fn the_strength_is_chosen_and_the_same_seed_repeats_the_fit() {
    let (features, labels) = example(90);
    let groups: Vec<u64> = (0..90).map(|i| i / 6).collect();
    for groups in [None, Some(&groups[..])] {
        let fit = || LinearProbe::fit_select(&features, &labels, groups, &ProbeOptions::default()).unwrap();
        let probe = fit();
        assert!((3..=9).contains(&probe.path().len()));
        let best = probe.path().iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
        assert!(probe.path().contains(&(probe.strength(), best)));
        assert_eq!(probe.weights(), fit().weights());
        assert!(crate::eval::metrics::accuracy(&labels, &probe.predict(&features).unwrap()).unwrap() > 0.6);
    }
}

#[test]
fn one_row_a_class_and_one_class_alone_are_fitted_without_a_choice() {
    let features = Features::new(3, 2, vec![0.0, 1.0, 1.0, 0.0, 2.0, 2.0]).unwrap();
    let probe = LinearProbe::fit_select(&features, &[4, 5, 6], None, &ProbeOptions::default()).unwrap();
    assert!(probe.path().is_empty() && probe.strength() == 0.1);
    assert_eq!(probe.predict(&features).unwrap(), [4, 5, 6]);
    let alone = LinearProbe::fit_select(&features, &[4, 4, 4], None, &ProbeOptions::default()).unwrap();
    assert_eq!(alone.predict(&features).unwrap(), [4, 4, 4]);
    assert!(LinearProbe::fit_select(&features, &[4], None, &ProbeOptions::default()).is_err());
}
