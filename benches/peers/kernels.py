"""Single operations, forward and backward, with the shapes of benches/benches/peers/kernels.rs."""

import torch
import torch.nn.functional as F

CONVS = [(64, 32), (128, 16), (256, 8), (512, 4)]
PRODUCTS = [(256, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048)]


def conv(channels: int, side: int):
    def build(variant: str):
        x = torch.randn(128, channels, side, side)
        w = torch.randn(channels, channels, 3, 3) * 0.05
        g = torch.randn(128, channels, side, side)
        if variant == "channels_last":
            x, w, g = (t.to(memory_format=torch.channels_last) for t in (x, w, g))
        x.requires_grad_()
        w.requires_grad_()

        def run():
            x.grad = w.grad = None
            F.conv2d(x, w, padding=1).backward(g)

        return run

    return build


def product(m: int, k: int, n: int):
    def build(_variant: str):
        a, b = torch.randn(m, k), torch.randn(k, n)
        return lambda: torch.matmul(a, b)

    return build


CASES = {f"conv/3x3-{c}@{s}": conv(c, s) for c, s in CONVS}
CASES |= {f"matmul/{m}x{k}x{n}": product(m, k, n) for m, k, n in PRODUCTS}
