"""Log-mel maps of one-second clips at 16 kHz, as in benches/benches/peers/audio.rs.

`batch` transforms all 256 clips at once, `clip` one after the other as a Dataset does. The filters are librosa's
(Slaney's scale and norm), written out, because librosa is not needed for anything else.
"""

import math

import torch

CLIPS, RATE, FFT, HOP, BINS, LOW, HIGH = 256, 16_000, 1024, 160, 64, 60.0, 7800.0


def mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) * 27 / math.log(6.4)


def hertz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)


def filters() -> torch.Tensor:
    """`(bins, n_fft / 2 + 1)`."""
    low, high = mel(LOW), mel(HIGH)
    edges = torch.tensor([hertz(low + (high - low) * i / (BINS + 1)) for i in range(BINS + 2)])
    bins = torch.arange(FFT // 2 + 1) * RATE / FFT
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = torch.minimum((bins - left) / (middle - left), (right - bins) / (right - middle)).clamp(min=0)
    return triangles * 2 / (right - left)


def log_mel(variant: str):
    steps = torch.arange(RATE, dtype=torch.float64)[None, :] * (0.01 + torch.arange(CLIPS)[:, None] * 1e-3)
    clips = (0.5 * steps.sin()).float()
    window, bank = torch.hann_window(FFT), filters()

    def maps(x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(x, FFT, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return (bank @ power + torch.finfo(torch.float32).eps).log()

    @torch.no_grad()
    def run():
        made = maps(clips) if variant == "batch" else torch.stack([maps(clip) for clip in clips])
        assert made.shape == (CLIPS, BINS, 1 + RATE // HOP)

    return run


CASES = {"audio/log-mel": log_mel}
