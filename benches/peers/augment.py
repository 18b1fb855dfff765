"""Strong views of SimCLR, made one by one on one thread, normalised and stacked; as in benches/benches/peers/augment.rs.

RandomResizedCrop (scale 0.2 to 1, antialiased) → flip 0.5 → colour jitter 0.4/0.4/0.4/0.1 with 0.8, in random order →
grey 0.2 → Gaussian blur with 0.5 (from 224 pixels on) → float → normalise. lightly's blur is PIL's, which passes three
boxes instead of a Gaussian of 23 taps: cheaper, and counted all the same.
"""

import torch

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def operations(size: int, blur: bool):
    """torchvision v2's, for tensors and PIL pictures alike."""
    from torchvision.transforms import v2

    steps = [
        v2.RandomResizedCrop(size, scale=(0.2, 1.0), antialias=True),
        v2.RandomHorizontalFlip(0.5),
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
        v2.RandomGrayscale(0.2),
    ]
    if blur:
        steps.append(v2.RandomApply([v2.GaussianBlur(size // 10 // 2 * 2 + 1, (0.1, 2.0))], 0.5))
    return v2.Compose([*steps, v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])


def views_of(variant: str, size: int, blur: bool):
    """What makes a list of views of one picture."""
    if variant == "lightly":
        from lightly.transforms import SimCLRTransform

        colours = {"cj_bright": 0.4, "cj_contrast": 0.4, "cj_sat": 0.4, "cj_hue": 0.1}
        return SimCLRTransform(input_size=size, min_scale=0.2, gaussian_blur=0.5 if blur else 0.0, **colours)
    make = operations(size, blur)
    return lambda picture: [make(picture), make(picture)]


def pictures(variant: str, count: int, side: int):
    """Smooth noise."""
    from torchvision.transforms.v2 import functional as F

    coarse = torch.rand(count, 3, side // 8, side // 8)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    noisy = ((smooth + 0.02 * torch.randn_like(smooth)).clamp(0, 1) * 255).to(torch.uint8)
    return [p.contiguous() if variant == "tensor" else F.to_pil_image(p) for p in noisy]


def views(count: int, side: int, size: int, blur: bool):
    def build(variant: str):
        sources = pictures(variant, count // 2, side)
        make = views_of(variant, size, blur)
        return lambda: torch.stack([view for source in sources for view in make(source)])

    return build


CASES = {"augment/simclr-32": views(512, 32, 32, False), "augment/simclr-224": views(32, 256, 224, True)}
