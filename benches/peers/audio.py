"""Log-mel maps of one-second clips at 16 kHz, and BYOL-A's training step, as in benches/benches/peers/audio.rs.

`batch` transforms all 256 clips at once, `clip` one after the other as a Dataset does. The filters are librosa's
(Slaney's scale and norm), written out, because librosa is not needed for anything else.

BYOL-A (arXiv:2204.07402): 32 clips of 64 x 96, two views; its authors' network without bias before batch norm (which
takes it away again) and without dropout, projector and predictor of 4096 and 256, a moving average as the teacher.
"""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from ways import compiled, laid_out

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


class Byola(nn.Module):
    def __init__(self, bins: int = 64, channels: int = 64, width: int = 2048):
        super().__init__()
        block = lambda inputs: [
            nn.Conv2d(inputs, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        self.features = nn.Sequential(*block(1), *block(channels))
        self.fc = nn.Sequential(nn.Linear(channels * bins // 4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())

    def forward(self, x):
        local = self.features(x).permute(0, 3, 2, 1).flatten(2)
        x = torch.cat([local, self.fc(local)], 2)
        return x.mean(1) + x.amax(1)


def head(inputs: int, hidden: int = 4096, outputs: int = 256):
    return nn.Sequential(
        nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )


def byola_step(variant: str):
    student = nn.Sequential(Byola(), head(3072)).train()
    teacher = copy.deepcopy(student).requires_grad_(False)
    predictor = head(256).train()
    (student, teacher) = (m.to(memory_format=torch.channels_last) if variant == "channels_last" else m for m in (student, teacher))
    optimizer = torch.optim.AdamW([*student.parameters(), *predictor.parameters()], 3e-4, fused=True)
    a, b = laid_out(variant, torch.randn(32, 1, 64, 96), torch.randn(32, 1, 64, 96))
    online, target = compiled(variant, nn.Sequential(student, predictor)), compiled(variant, teacher)

    def distance(p, z):
        return (2 - 2 * F.cosine_similarity(p, z, dim=1)).mean()

    def run():
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            targets = target(a), target(b)
        ((distance(online(a), targets[1]) + distance(online(b), targets[0])) / 2).backward()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 0.01)

    return run


CASES = {"audio/log-mel": log_mel, "audio/byol-a-step": byola_step}
