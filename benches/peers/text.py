"""BERT on texts of unequal lengths: a training step of masked language modelling, and embeddings by the mean of tokens.

Batches are there already, padded to their longest text; lengths are those of short news (20 to 83 tokens, 52 as a mean).
The layers are written out: so they are faster than nn.TransformerEncoder and than BertModel of transformers. Nothing is
dropped: manabi's default drops nothing either, and without it this side is faster.
"""

import numpy
import torch
import torch.nn.functional as F
from torch import nn

from ways import autocast, compiled

MASK, FIRST_WORD = 4, 5


class Layer(nn.Module):
    """Post-norm; places that are not kept are not attended to."""

    def __init__(self, dim: int, heads: int, hidden: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim, 1e-12), nn.LayerNorm(dim, 1e-12)

    def forward(self, x, kept):
        n, t, d = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, kept[:, None, None])
        x = self.norm1(x + self.proj(attended.transpose(1, 2).reshape(n, t, d)))
        return self.norm2(x + self.fc2(F.gelu(self.fc1(x))))


class Bert(nn.Module):
    """Embeddings of tokens, places and segments, then the layers: vectors (N, T, D) of tokens."""

    def __init__(self, words: int, dim: int, layers: int, heads: int, hidden: int, places: int = 512):
        super().__init__()
        self.words, self.places = nn.Embedding(words, dim), nn.Embedding(places, dim)
        self.segments = nn.Embedding(2, dim)
        self.norm = nn.LayerNorm(dim, 1e-12)
        self.layers = nn.ModuleList([Layer(dim, heads, hidden) for _ in range(layers)])

    def forward(self, ids, kept):
        x = self.words(ids) + self.places.weight[: ids.shape[1]] + self.segments.weight[0]
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x, kept)
        return x


class Words(nn.Module):
    """BERT's head: a layer, then scores by the table of words itself."""

    def __init__(self, table: nn.Parameter):
        super().__init__()
        words, dim = table.shape
        self.dense, self.norm = nn.Linear(dim, dim), nn.LayerNorm(dim, 1e-12)
        self.table, self.bias = table, nn.Parameter(torch.zeros(words))

    def forward(self, x):
        return F.linear(self.norm(F.gelu(self.dense(x))), self.table, self.bias)


class MaskedLanguageModel(nn.Module):
    """Scores (M, V) at the masked places."""

    def __init__(self, words: int, dim: int, layers: int, heads: int, hidden: int):
        super().__init__()
        self.encoder = Bert(words, dim, layers, heads, hidden)
        self.head = Words(self.encoder.words.weight)

    def forward(self, ids, kept, masked):
        return self.head(self.encoder(ids, kept).flatten(0, 1)[masked])


def texts(generator, count: int, words: int):
    """Tokens (N, T), and where they are no padding."""
    lengths = 20 + (64 * (numpy.arange(count) * 0.6180339887 % 1)).astype(int)
    kept = numpy.arange(lengths.max()) < lengths[:, None]
    ids = generator.integers(FIRST_WORD, words, kept.shape) * kept
    return torch.from_numpy(ids), torch.from_numpy(kept)


def masked_language(variant: str):
    generator, words = numpy.random.default_rng(0), 8192
    ids, kept = texts(generator, 64, words)
    hidden = kept & torch.from_numpy(generator.random(tuple(kept.shape)) < 0.15)
    masked, labels = hidden.flatten().nonzero().squeeze(1), ids[hidden]
    ids = ids.masked_fill(hidden, MASK)
    model = MaskedLanguageModel(words, 256, 4, 4, 1024).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    forward = compiled(variant, model)

    def run():
        optimizer.zero_grad(set_to_none=True)
        with autocast(variant):
            loss = F.cross_entropy(forward(ids, kept, masked), labels)
        loss.backward()
        optimizer.step()

    return run


def embed(variant: str):
    ids, kept = texts(numpy.random.default_rng(0), 512, 30522)
    order = kept.sum(1).argsort(descending=True)
    batches = []
    for rows in order.split(32):
        longest = kept[rows].sum(1).max()
        batches.append((ids[rows, :longest], kept[rows, :longest]))
    model = Bert(30522, 384, 6, 12, 1536).eval()
    forward = compiled(variant, model)

    def run():
        with torch.inference_mode(), autocast(variant):
            for ids, kept in batches:
                weights = kept.unsqueeze(2)
                F.normalize((forward(ids, kept) * weights).sum(1) / weights.sum(1), dim=1)

    return run


CASES = {"text/mlm-step": masked_language, "text/minilm-embed": embed}
