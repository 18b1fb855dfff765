"""Losses over a batch of projections, forward and backward: lightly's own classes where it has them; the shapes of
benches/benches/peers/losses.rs."""

import torch
import torch.nn.functional as F

from ways import both_ways, compiled


def of_two_views(make, rows: int, width: int):
    """A loss of lightly's, of projections (rows, width) of two views, between -1 and 1 as cosines are."""

    def build(variant: str):
        return both_ways(variant, make(), *(torch.rand(rows, width) * 2 - 1 for _ in range(2)))

    return build


def nt_xent():
    from lightly.loss import NTXentLoss

    return NTXentLoss(temperature=0.1)


def vicreg():
    from lightly.loss import VICRegLoss

    return VICRegLoss()


def swav():
    from lightly.loss import SwaVLoss

    loss = SwaVLoss()
    return lambda a, b: loss([a, b], [])


def covariance(rows: int, width: int):
    """The part of VICReg (and, with one view for two, of Barlow Twins) that costs: squared covariances of columns."""

    def build(variant: str):
        from lightly.loss.vicreg_loss import covariance_loss

        return both_ways(variant, covariance_loss, torch.randn(rows, width))

    return build


def sinkhorn(rows: int, prototypes: int):
    """SwAV's codes alone; they have no gradient."""

    def build(variant: str):
        from lightly.loss.swav_loss import sinkhorn as codes

        scores, function = torch.rand(rows, prototypes) * 2 - 1, compiled(variant, codes)
        return lambda: function(scores)

    return build


def cross_entropy(rows: int, classes: int):
    def build(variant: str):
        labels = torch.arange(rows) * 7919 % classes
        return both_ways(variant, lambda logits: F.cross_entropy(logits, labels), torch.randn(rows, classes))

    return build


CASES = {
    "loss/nt-xent-512": of_two_views(nt_xent, 512, 128),
    "loss/nt-xent-4096": of_two_views(nt_xent, 4096, 128),
    "loss/vicreg-512x2048": of_two_views(vicreg, 512, 2048),
    "loss/covariance-512x2048": covariance(512, 2048),
    "loss/sinkhorn-4096x3000": sinkhorn(4096, 3000),
    "loss/swav-512x3000": of_two_views(swav, 512, 3000),
    "loss/cross-entropy-4096x8192": cross_entropy(4096, 8192),
}
