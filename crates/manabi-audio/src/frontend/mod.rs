//! From samples to log-mel maps: framing, Hann window, FFT, power, mel filters, logarithm.
//!
//! `M[b, t] = ln(floor + Σ_k W[b, k] · |Σ_n w[n] · x[t·hop + n − n_fft/2] · e^(−2πi·k·n/n_fft)|²)`, the definition that
//! librosa and torchaudio share (reflected ends, periodic Hann window). Defaults are BYOL-A's.
//!
//! Shapes: samples `(S)` → map `(bins, frames)` with `frames = 1 + S / hop`. Cost: one real FFT a frame.

mod config;
mod extract;
mod logarithm;
mod map;
mod mel;
mod mfcc;
mod stft;

pub use config::{FrontEndConfig, MelNorm, MelScale};
pub use extract::FrontEnd;
pub use map::LogMel;
pub use mel::MelBank;
pub use mfcc::mfcc;
