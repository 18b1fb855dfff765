//! Limited-memory BFGS: minimises a smooth function of many variables from its value and gradient.
//!
//! Source: Nocedal & Wright, *Numerical Optimization*, algorithms 7.4 and 7.5 (two-loop recursion, `γ = sᵀy / yᵀy`).
//! The step length satisfies the weak Wolfe conditions, found by bracketing (Lewis & Overton 2013) with a cubic guess
//! inside the bracket: sufficient decrease `f(x + t d) <= f(x) + c₁ t gᵀd` and curvature `∇f(x + t d)ᵀd >= c₂ gᵀd`, so
//! that `sᵀy > 0` and the approximation stays positive definite.
//!
//! Cost: one evaluation a step in the usual case, `4 m n` operations and `2 m n` numbers beside it; all state in f64.

use std::collections::VecDeque;

use super::matrix::dot;

/// The settings of the minimiser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lbfgs {
    /// How many past steps shape the next one.
    pub memory: usize,
    /// Steps at most.
    pub max_iterations: usize,
    /// Done when no component of the gradient is larger.
    pub gradient_tolerance: f64,
    /// Done when a step lowers the value by less than this share of it.
    pub value_tolerance: f64,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self { memory: 10, max_iterations: 500, gradient_tolerance: 1e-6, value_tolerance: 1e-12 }
    }
}

/// Why the minimiser stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The gradient is as small as asked.
    Gradient,
    /// The value hardly falls any more.
    Value,
    /// All iterations are used up.
    Iterations,
    /// No step along the direction lowers the value: the limit of the function's own rounding.
    LineSearch,
    /// The function is not finite at the start.
    NotFinite,
}

/// Where the minimiser stopped.
#[derive(Debug, Clone)]
pub struct Minimum {
    /// The point.
    pub x: Vec<f64>,
    /// The function's value there.
    pub value: f64,
    /// The largest component of the gradient there.
    pub gradient: f64,
    /// Steps taken.
    pub iterations: usize,
    /// Evaluations of the function.
    pub evaluations: usize,
    /// The reason.
    pub stop: Stop,
}

impl Minimum {
    /// Whether this is a minimum as far as the tolerances, or the function's rounding, allow to see.
    pub fn converged(&self) -> bool {
        !matches!(self.stop, Stop::Iterations | Stop::NotFinite)
    }
}

/// A point on the line that is searched.
#[derive(Clone, Copy)]
struct Point {
    t: f64,
    value: f64,
    slope: f64,
}

impl Lbfgs {
    /// Minimises `f(x, gradient) -> value`, which fills in the gradient, from `x`.
    pub fn minimize(&self, mut x: Vec<f64>, mut f: impl FnMut(&[f64], &mut [f64]) -> f64) -> Minimum {
        let n = x.len();
        let mut gradient = vec![0.0; n];
        let mut value = f(&x, &mut gradient);
        let (mut evaluations, mut iterations) = (1, 0);
        let mut history: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::with_capacity(self.memory + 1);
        let stop = loop {
            if !value.is_finite() {
                break Stop::NotFinite;
            }
            if largest(&gradient) <= self.gradient_tolerance {
                break Stop::Gradient;
            }
            if iterations == self.max_iterations {
                break Stop::Iterations;
            }
            let mut direction = two_loops(&gradient, &history);
            if dot(&direction, &gradient) >= 0.0 {
                history.clear();
                direction = two_loops(&gradient, &history);
            }
            let first = if history.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt() } else { 1.0 };
            let start = Point { t: 0.0, value, slope: dot(&direction, &gradient) };
            let mut trial = (vec![0.0; n], vec![0.0; n]);
            let found = search(start, first, |t| {
                evaluations += 1;
                trial.0.iter_mut().zip(&x).zip(&direction).for_each(|((new, x), d)| *new = x + t * d);
                let value = f(&trial.0, &mut trial.1);
                Point { t, value, slope: dot(&direction, &trial.1) }
            });
            let Some(found) = found else {
                if history.is_empty() {
                    break Stop::LineSearch;
                }
                history.clear();
                continue;
            };
            iterations += 1;
            let s: Vec<f64> = trial.0.iter().zip(&x).map(|(new, old)| new - old).collect();
            let y: Vec<f64> = trial.1.iter().zip(&gradient).map(|(new, old)| new - old).collect();
            let curvature = dot(&s, &y);
            if curvature > f64::EPSILON * dot(&y, &y) {
                history.push_back((s, y, 1.0 / curvature));
                if history.len() > self.memory {
                    history.pop_front();
                }
            }
            (x, gradient) = trial;
            let fall = value - found.value;
            value = found.value;
            if fall <= self.value_tolerance * value.abs().max(1e-30) {
                break Stop::Value;
            }
        };
        Minimum { gradient: largest(&gradient), x, value, iterations, evaluations, stop }
    }
}

fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |most, g| g.abs().max(most))
}

/// The direction `-H g` of the two-loop recursion.
fn two_loops(gradient: &[f64], history: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(history.len());
    for (s, y, rho) in history.iter().rev() {
        let share = rho * dot(s, &q);
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= share * y);
        shares.push(share);
    }
    if let Some((_, y, rho)) = history.back() {
        let scale = 1.0 / (rho * dot(y, y));
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((s, y, rho), share) in history.iter().zip(shares.iter().rev()) {
        let rest = share - rho * dot(y, &q);
        q.iter_mut().zip(s).for_each(|(q, s)| *q += rest * s);
    }
    q
}

/// A step length that satisfies the weak Wolfe conditions. What it returns is the point evaluated last.
fn search(start: Point, first: f64, mut evaluate: impl FnMut(f64) -> Point) -> Option<Point> {
    const DECREASE: f64 = 1e-4;
    const CURVATURE: f64 = 0.9;
    let (mut low, mut high): (Point, Option<Point>) = (start, None);
    let mut t = first;
    for _ in 0..30 {
        let point = evaluate(t);
        if !point.value.is_finite() || point.value > start.value + DECREASE * t * start.slope {
            high = Some(point);
        } else if point.slope < CURVATURE * start.slope {
            low = point;
        } else {
            return Some(point);
        }
        t = match high {
            None => 4.0 * t,
            Some(high) => {
                let margin = 0.1 * (high.t - low.t);
                let guess = cubic(low, high).unwrap_or(0.5 * (low.t + high.t));
                guess.clamp(low.t + margin, high.t - margin)
            }
        };
    }
    None
}

/// The minimiser of the cubic through two points and their slopes.
fn cubic(a: Point, b: Point) -> Option<f64> {
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.t - b.t);
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt();
    let t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    t.is_finite().then_some(t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rosenbrock_is_minimised_from_the_classic_start() {
        for n in [2, 20] {
            let start = (0..n).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
            let found = Lbfgs::default().minimize(start, |x, g| {
                g.fill(0.0);
                let mut value = 0.0;
                for i in 0..n - 1 {
                    let (a, b) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
                    value += 100.0 * a * a + b * b;
                    g[i] += -400.0 * a * x[i] - 2.0 * b;
                    g[i + 1] += 200.0 * a;
                }
                value
            });
            assert!(found.converged() && found.iterations < 150, "{found:?}");
            assert!(found.x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{found:?}");
        }
    }

    #[test]
    fn a_badly_scaled_quadratic_reaches_its_closed_form() {
        let found = Lbfgs::default().minimize(vec![0.0; 50], |x, g| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(g).enumerate() {
                let curvature = 10f64.powf(i as f64 / 24.0);
                value += 0.5 * curvature * (x - i as f64).powi(2);
                *g = curvature * (x - i as f64);
            }
            value
        });
        assert_eq!(found.stop, Stop::Gradient);
        assert!(found.x.iter().enumerate().all(|(i, x)| (x - i as f64).abs() < 1e-5));
    }

    #[test]
    fn a_function_that_is_not_finite_is_reported() {
        let found = Lbfgs::default().minimize(vec![1.0], |_, _| f64::NAN);
        assert_eq!(found.stop, Stop::NotFinite);
        assert!(!found.converged());
    }
}
