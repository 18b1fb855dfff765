"""Single operations, forward and backward, with the shapes of benches/benches/peers/kernels/."""

import torch
import torch.nn.functional as F

from ways import both_ways

PRODUCTS = [(256, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048)]


def conv(x: tuple, w: tuple, **how):
    """A convolution of maps (4 sizes) or series (3 sizes)."""
    function = F.conv2d if len(x) == 4 else F.conv1d

    def build(variant: str):
        return both_ways(variant, lambda x, w: function(x, w, **how), torch.randn(x), torch.randn(w) * 0.05)

    return build


def product(m: int, k: int, n: int):
    def build(_variant: str):
        a, b = torch.randn(m, k), torch.randn(k, n)
        return lambda: torch.matmul(a, b)

    return build


def linear_gelu(variant: str):
    """The first half of a Transformer's hidden layer."""
    x, w, b = torch.randn(8192, 192), torch.randn(768, 192) * 0.05, torch.randn(768)
    return both_ways(variant, lambda x, w, b: F.gelu(F.linear(x, w, b)), x, w, b)


def attention(tokens: int, batch: int = 32, heads: int = 4, width: int = 64):
    """From queries, keys and values side by side to the heads side by side, as in a block."""

    def forward(qkv):
        q, k, v = qkv.view(batch, tokens, 3, heads, width).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, heads * width)

    return lambda variant: both_ways(variant, forward, torch.randn(batch, tokens, 3 * heads * width))


def norm(forward, shape: tuple, width: int):
    """With scale and shift of `width`."""
    return lambda variant: both_ways(variant, forward, torch.randn(shape), torch.rand(width) + 0.5, torch.randn(width))


def rms_norm(variant: str):
    x, scale = torch.randn(8192, 192), torch.rand(192) + 0.5
    return both_ways(variant, lambda x, scale: F.rms_norm(x, (192,), scale, 1e-6), x, scale)


def plain(forward, *shapes: tuple):
    """Of nothing but tensors of these shapes."""
    return lambda variant: both_ways(variant, forward, *(torch.randn(shape) for shape in shapes))


def resnet18_shapes():
    """Of the 11.2 million parameters of a ResNet-18, in 62 tensors."""
    shapes, width = [(64, 3, 3, 3), (64,), (64,)], 64
    for outputs in (64, 128, 256, 512):
        for block in range(2):
            shapes += [(outputs, width, 3, 3), (outputs,), (outputs,), (outputs, outputs, 3, 3), (outputs,), (outputs,)]
            if block == 0 and width != outputs:
                shapes += [(outputs, width, 1, 1), (outputs,), (outputs,)]
            width = outputs
    return [*shapes, (10, 512), (10,)]


def optimizer(make):
    """A step on gradients that are there already."""

    def build(_variant: str):
        parameters = [torch.randn(shape).requires_grad_() for shape in resnet18_shapes()]
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        return make(parameters).step

    return build


MAPS = (128, 64, 32, 32)

CASES = {f"conv/3x3-{c}@{s}": conv((128, c, s, s), (c, c, 3, 3), padding=1) for c, s in [(64, 32), (128, 16), (256, 8), (512, 4)]}
CASES |= {
    "conv/3x3s2-64@32": conv(MAPS, (128, 64, 3, 3), stride=2, padding=1),
    "conv/1x1-256@14": conv((64, 256, 14, 14), (256, 256, 1, 1)),
    "conv/depthwise-3x3-128@32": conv((64, 128, 32, 32), (128, 1, 3, 3), padding=1, groups=128),
    "conv/depthwise-7x7-96@56": conv((16, 96, 56, 56), (96, 1, 7, 7), padding=3, groups=96),
    "conv/1d-3-64@4096": conv((32, 64, 4096), (64, 64, 3), padding=1),
    "conv/1d-3d8-64@4096": conv((32, 64, 4096), (64, 64, 3), padding=8, dilation=8),
    "conv/1d-8s4-64@16000": conv((16, 64, 16000), (128, 64, 8), stride=4),
}
CASES |= {f"matmul/{m}x{k}x{n}": product(m, k, n) for m, k, n in PRODUCTS}
CASES |= {f"attention/32x{tokens}": attention(tokens) for tokens in (128, 512)}
CASES |= {
    "linear/gelu-8192x192x768": linear_gelu,
    "norm/batch-relu-64@32": norm(
        lambda x, scale, shift: F.relu(F.batch_norm(x, None, None, scale, shift, training=True)), MAPS, 64
    ),
    "norm/group-64@32": norm(lambda x, scale, shift: F.group_norm(x, 8, scale, shift), MAPS, 64),
    "norm/layer-8192x192": norm(
        lambda x, scale, shift: F.layer_norm(x, (192,), scale, shift, 1e-6), (8192, 192), 192
    ),
    "norm/rms-8192x192": rms_norm,
    "activation/relu-64@32": plain(F.relu, MAPS),
    "activation/add-relu-64@32": plain(lambda a, b: F.relu(a + b), MAPS, MAPS),
    "activation/gelu-8192x768": plain(F.gelu, (8192, 768)),
    "pool/max-3s2-64@112": plain(lambda x: F.max_pool2d(x, 3, 2, 1), (16, 64, 112, 112)),
    "optim/adamw-11m": optimizer(lambda parameters: torch.optim.AdamW(parameters, 1e-3, fused=True)),
    "optim/sgd-11m": optimizer(lambda parameters: torch.optim.SGD(parameters, 1e-3, 0.9, fused=True)),
}
