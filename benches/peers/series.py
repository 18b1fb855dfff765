"""Whole training steps on time series: forward, loss, backward, AdamW.

TS2Vec (arXiv:2106.10466) as its authors' program: 8 series of 140 values, the paper's encoder of 11 blocks; two crops of
114 and 86 time stamps that overlap in 67, those of benches/benches/peers/series.rs; half of the time stamps hidden.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ways import compiled

ROWS, LENGTH, FIRST, SECOND, OVERLAP = 8, 140, 114, 86, 67


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, dilation: int):
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=dilation, dilation=dilation)
        self.projector = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x):
        skip = x if self.projector is None else self.projector(x)
        return self.conv2(F.gelu(self.conv1(F.gelu(x)))) + skip


class Encoder(nn.Module):
    """Representations (N, T, 320) of series (N, T, 1), time stamps hidden at random among the latents."""

    def __init__(self, hidden: int = 64, depth: int = 10, output: int = 320):
        super().__init__()
        self.input_fc = nn.Linear(1, hidden)
        self.blocks = nn.Sequential(
            *[Block(hidden, output if i == depth else hidden, 2**i) for i in range(depth + 1)]
        )
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        latents = self.input_fc(x)
        kept = torch.rand(x.shape[:2]) < 0.5
        latents = latents * kept.unsqueeze(2)
        return self.dropout(self.blocks(latents.transpose(1, 2))).transpose(1, 2)


def among_others(s):
    """Rows of s (G, R, R) against their partner, R / 2 further on, among all others."""
    others = torch.tril(s, -1)[:, :, :-1] + torch.triu(s, 1)[:, :, 1:]
    logits = -F.log_softmax(others, -1)
    half = s.shape[-1] // 2
    i = torch.arange(half)
    return (logits[:, i, half + i - 1].mean() + logits[:, half + i, i].mean()) / 2


def hierarchical(a, b, alpha: float = 0.5):
    total, scales = 0.0, 0
    while True:
        z = torch.cat([a, b]).transpose(0, 1)
        total = total + alpha * among_others(z @ z.transpose(1, 2))
        scales += 1
        if a.shape[1] == 1:
            return total / scales
        z = torch.cat([a, b], 1)
        total = total + (1 - alpha) * among_others(z @ z.transpose(1, 2))
        a, b = (F.max_pool1d(x.transpose(1, 2), 2).transpose(1, 2) for x in (a, b))


def ts2vec(variant: str):
    model = Encoder().train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    forward = compiled(variant, model)
    x = torch.randn(ROWS, LENGTH, 1)

    def run():
        optimizer.zero_grad(set_to_none=True)
        a = forward(x[:, :FIRST])[:, -OVERLAP:]
        b = forward(x[:, FIRST - OVERLAP : FIRST - OVERLAP + SECOND])[:, :OVERLAP]
        hierarchical(a, b).backward()
        optimizer.step()

    return run


CASES = {"series/ts2vec-step": ts2vec}
