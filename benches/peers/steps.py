"""Whole training steps on a batch that is there already: forward, loss, backward, AdamW.

The networks are those of benches/benches/peers/steps.rs, layer by layer; one forward pass a view, as in lightly. The
cases with `-bf16` are the same: their way, autocast, makes them so.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ways import autocast, compiled, laid_out


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        skip = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)) + skip, inplace=True)


class ResNet18(nn.Module):
    """With the stem for small pictures; features (N, 512)."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
        width = 64
        for outputs, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
            layers += [Block(width, outputs, stride), Block(outputs, outputs, 1)]
            width = outputs
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x).mean((2, 3))


def nt_xent(a, b, temperature: float):
    z = F.normalize(torch.cat([a, b]), dim=1)
    scores = z @ z.t() / temperature
    scores.fill_diagonal_(float("-inf"))
    n = len(a)
    return F.cross_entropy(scores, torch.arange(2 * n).roll(n))


def training(variant: str, model: nn.Module, loss):
    """A run: `loss` of the model, its gradients, AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    forward = compiled(variant, model)

    def run():
        optimizer.zero_grad(set_to_none=True)
        with autocast(variant):
            value = loss(forward)
        value.backward()
        optimizer.step()

    return run


def simclr(variant: str):
    encoder = ResNet18()
    head = nn.Sequential(
        nn.Linear(512, 512, bias=False), nn.BatchNorm1d(512), nn.ReLU(inplace=True), nn.Linear(512, 128)
    )
    model = nn.Sequential(encoder, head).train()
    a, b = laid_out(variant, torch.randn(128, 3, 32, 32), torch.randn(128, 3, 32, 32))
    if variant in ("channels_last", "autocast"):
        model = model.to(memory_format=torch.channels_last)
    return training(variant, model, lambda forward: nt_xent(forward(a), forward(b), 0.1))


class TransformerBlock(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, d)
        x = x + self.proj(attended)
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class VitTiny(nn.Module):
    """Patches of 4 on pictures of 32, 12 blocks, mean of the tokens, 10 classes."""

    def __init__(self, dim: int = 192):
        super().__init__()
        self.embed = nn.Conv2d(3, dim, 4, 4)
        self.positions = nn.Parameter(torch.randn(1, 64, dim) * 0.02)
        self.blocks = nn.Sequential(*[TransformerBlock(dim, 3) for _ in range(12)])
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 10)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.norm(self.blocks(x)).mean(1))


def vit_tiny(variant: str):
    x, y = torch.randn(128, 3, 32, 32), torch.arange(128) % 10
    return training(variant, VitTiny(), lambda forward: F.cross_entropy(forward(x), y))


class Bert(nn.Module):
    """4 pre-norm blocks of width 256 on 128 tokens; a linear layer to the words at the masked positions."""

    def __init__(self, words: int = 8192, tokens: int = 128, dim: int = 256):
        super().__init__()
        self.tokens = nn.Embedding(words, dim)
        self.positions = nn.Parameter(torch.randn(1, tokens, dim) * 0.02)
        self.blocks = nn.Sequential(*[TransformerBlock(dim, 4) for _ in range(4)])
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, words)

    def forward(self, ids, masked):
        y = self.norm(self.blocks(self.tokens(ids) + self.positions))
        return self.head(y.flatten(0, 1)[masked])


def bert(variant: str):
    ids = (torch.arange(32 * 128) * 7919 % 8192).view(32, 128)
    masked = torch.arange(0, 32 * 128, 7)
    labels = ids.flatten()[masked]
    return training(variant, Bert(), lambda forward: F.cross_entropy(forward(ids, masked), labels))


CASES = {"step/simclr-resnet18": simclr, "step/vit-tiny": vit_tiny, "step/bert-4x256": bert}
CASES |= {f"{name}-bf16": build for name, build in CASES.items()}
