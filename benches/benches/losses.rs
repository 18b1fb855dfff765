//! Seconds and peak memory of the losses over large batches, forward and backward, each in a process of its own.
//!
//! `cargo bench --bench losses`, or with `-- CASE ROWS WIDTH` one alone; prints one JSON line a case. `nt-xent-matrix`
//! and `vicreg-plain` are the same losses by whole matrices and candle's operations, for comparison.
#![allow(clippy::panic, clippy::unwrap_used, missing_docs)]

use std::{process::Command, time::Instant};

use candle_core::{DType, Device, Result, Tensor, Var};
use manabi::{
    core::loss::{nt_xent, sinkhorn, vicreg},
    kernels::{activation::log_softmax_last, norm::l2_normalize},
    pilot::study::peak_memory,
};

/// Loss, rows of one view, columns.
const CASES: [(&str, usize, usize); 18] = [
    ("nt-xent-matrix", 128, 128),
    ("nt-xent", 128, 128),
    ("nt-xent-matrix", 256, 128),
    ("nt-xent", 256, 128),
    ("nt-xent-matrix", 512, 128),
    ("nt-xent", 512, 128),
    ("nt-xent-matrix", 4096, 128),
    ("nt-xent", 4096, 128),
    ("nt-xent", 32_768, 128),
    ("nt-xent", 65_536, 128),
    ("vicreg-plain", 256, 512),
    ("vicreg", 256, 512),
    ("vicreg-plain", 256, 2048),
    ("vicreg", 256, 2048),
    ("sinkhorn-plain", 1024, 512),
    ("sinkhorn", 1024, 512),
    ("sinkhorn-plain", 4096, 3000),
    ("sinkhorn", 4096, 3000),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [case, rows, width] = &args[..] {
        return measure(case, rows.parse().unwrap(), width.parse().unwrap());
    }
    for (case, rows, width) in CASES {
        let me = std::env::current_exe().unwrap();
        let out = Command::new(me).args([case, &rows.to_string(), &width.to_string()]).output().unwrap();
        print!("{}", String::from_utf8_lossy(&out.stdout));
        eprint!("{}", String::from_utf8_lossy(&out.stderr));
    }
}

fn measure(case: &str, rows: usize, width: usize) {
    manabi::kernels::memory::tune_allocator();
    manabi::kernels::memory::quiet_candle_threads();
    let (a, b) = (view(rows, width, 0.0), view(rows, width, 0.4));
    let step = || match case {
        "nt-xent" => nt_xent(&a, &b, 0.1).unwrap(),
        "nt-xent-matrix" => nt_xent_matrix(&a, &b, 0.1).unwrap(),
        "vicreg" => vicreg(&a, &b, (25.0, 25.0, 1.0)).unwrap().total,
        "vicreg-plain" => vicreg_plain(&a, &b).unwrap(),
        "sinkhorn" => sinkhorn(&a, 0.05, 3).unwrap().sum_all().unwrap(),
        "sinkhorn-plain" => sinkhorn_plain(&a, 0.05, 3).unwrap().sum_all().unwrap(),
        _ => panic!("there is no case {case}"),
    };
    // The best of several: the machine does other things too. Large cases run once.
    let (mut seconds, mut loss, start) = (f64::INFINITY, f32::NAN, Instant::now());
    let mut runs = 0;
    while runs == 0 || start.elapsed().as_secs_f64() < 2.0 {
        let began = Instant::now();
        let value = step();
        let grads = value.backward().unwrap();
        seconds = seconds.min(began.elapsed().as_secs_f64());
        loss = value.to_scalar::<f32>().unwrap();
        assert!(case.starts_with("sinkhorn") || grads.get(&a).is_some());
        runs += 1;
    }
    println!(
        "{}",
        serde_json::json!({
            "case": case, "rows": rows, "width": width, "seconds": seconds, "runs": runs, "value": loss,
            "peak_memory_mib": peak_memory().map(|bytes| bytes >> 20),
        })
    );
}

/// Reproducible numbers in −½..½, those of the two views alike.
fn view(rows: usize, width: usize, shift: f32) -> Var {
    let number = |i: usize| {
        let bits = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let noise = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (noise >> 40) as f32 / (1u64 << 24) as f32 - 0.5 + shift * (bits >> 40) as f32 / (1u64 << 24) as f32
    };
    let values: Vec<f32> = (0..rows * width).map(number).collect();
    Var::from_tensor(&Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()).unwrap()
}

fn nt_xent_matrix(a: &Tensor, b: &Tensor, temperature: f64) -> Result<Tensor> {
    let n = a.dim(0)?;
    let z = l2_normalize(&Tensor::cat(&[a, b], 0)?, 1e-12)?;
    let similarity = (z.matmul(&z.t()?)? / temperature)?;
    let diagonal = (Tensor::eye(2 * n, DType::F32, a.device())? * -1e9)?;
    let log_p = log_softmax_last(&(similarity + diagonal)?)?;
    let pairs: Vec<u32> = (n..2 * n).chain(0..n).map(|i| i as u32).collect();
    let pairs = Tensor::new(pairs, a.device())?.unsqueeze(1)?;
    log_p.gather(&pairs, 1)?.mean_all()?.neg()
}

fn vicreg_plain(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let spread = |x: &Tensor| {
        let (n, d) = x.dims2()?;
        let centred = x.broadcast_sub(&x.mean_keepdim(0)?)?;
        let variance = (centred.sqr()?.sum(0)? / (n - 1) as f64)?;
        let hinge = (variance + 1e-4)?.sqrt()?.affine(-1.0, 1.0)?.relu()?.mean_all()?;
        let covariance = (centred.t()?.matmul(&centred)? / (n - 1) as f64)?;
        let off_diagonal = Tensor::eye(d, DType::F32, x.device())?.affine(-1.0, 1.0)?;
        let penalty = ((covariance * off_diagonal)?.sqr()?.sum_all()? / d as f64)?;
        (hinge * 12.5)? + penalty
    };
    (((a - b)?.sqr()?.mean_all()? * 25.0)? + spread(a)?)? + spread(b)?
}

fn sinkhorn_plain(scores: &Tensor, epsilon: f64, iterations: usize) -> Result<Tensor> {
    let (n, k) = scores.dims2()?;
    let scores = scores.detach();
    let mut q = log_softmax_last(&(&scores / epsilon)?)?.exp()?;
    let top = scores.max_keepdim(1)?.max_keepdim(0)?;
    q = q.broadcast_mul(&(scores.broadcast_sub(&top)? / epsilon)?.exp()?.sum_keepdim(1)?)?;
    for _ in 0..iterations {
        let columns = (q.sum_keepdim(0)? * (k as f64 / n as f64))?;
        q = q.broadcast_div(&(columns + 1e-30)?)?;
        q = q.broadcast_div(&(q.sum_keepdim(1)? + 1e-30)?)?;
    }
    Ok(q)
}
