"""A folder of JPEG photos through a DataLoader: decoded, augmented, normalised batches, as in
benches/benches/peers/loading.rs. A run is one pass over the folder; the worker processes live on between passes.

`pil` and `tensor` decode whole photos (PIL, torchvision.io); `draft` lets PIL decode at the smallest scale whose shorter
side is at least 1.5 times the view's, as our loader does.
"""

import os
from pathlib import Path

import torch

import augment

SIZE, BATCH = 224, 32


class Folder(torch.utils.data.Dataset):
    """The files of the folder that our worker has written."""

    def __init__(self, variant: str):
        self.variant = variant
        self.paths = sorted(Path(os.environ["MANABI_PEERS_JPEG"]).glob("*.jpg"))
        self.make = augment.operations(SIZE, True)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index: int):
        return self.make(self.decoded(self.paths[index]))

    def decoded(self, path: Path):
        if self.variant == "tensor":
            from torchvision.io import ImageReadMode, decode_image

            return decode_image(str(path), ImageReadMode.RGB)
        from PIL import Image

        with Image.open(path) as picture:
            if self.variant == "draft":
                picture.draft("RGB", (SIZE * 3 // 2, SIZE * 3 // 2))
            return picture.convert("RGB")


def one_thread(_worker: int):
    torch.set_num_threads(1)


def folder(variant: str):
    workers = torch.get_num_threads()
    loader = torch.utils.data.DataLoader(
        Folder(variant), BATCH, shuffle=True, num_workers=workers, persistent_workers=True, worker_init_fn=one_thread
    )

    def run():
        for batch in loader:
            assert batch.shape[1:] == (3, SIZE, SIZE)

    return run


CASES = {"jpeg/folder-224": folder}
