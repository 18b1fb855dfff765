"""The peer's ways of doing one thing: `eager`, `channels_last`, `compile` (torch.compile), `autocast` (bfloat16)."""

import torch


def laid_out(variant: str, *tensors):
    """Maps in the order of memory that the way asks for; autocast takes that of channels_last, which is its fastest."""
    if variant not in ("channels_last", "autocast"):
        return tensors
    return tuple(t.to(memory_format=torch.channels_last) if t.dim() == 4 else t for t in tensors)


def compiled(variant: str, function):
    """The function or module, compiled where the way says so."""
    return torch.compile(function) if variant == "compile" else function


def autocast(variant: str):
    """The context of a forward pass and a loss."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=variant == "autocast")


def both_ways(variant: str, forward, *leaves):
    """A run of `forward` on `leaves` and back to all of them, from a gradient that is there already."""
    leaves = laid_out(variant, *leaves)
    with torch.no_grad():
        gradient = torch.ones_like(forward(*leaves))
    for leaf in leaves:
        leaf.requires_grad_()
    function = compiled(variant, forward)

    def run():
        for leaf in leaves:
            leaf.grad = None
        function(*leaves).backward(gradient)

    return run
