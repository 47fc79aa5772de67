"""An autoregressive network over coded rows: each column's softmax sees the columns that come before it.

The order is drawn anew for every row in training, so that one network can draw the columns in any order: what
is given comes first, all the rest after it.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.config.model import Model
from synth.core.domain import Domain
from synth.core.prepared import PreparedManifest
from synth.models.arn_sampler import ArnWeights, align_network, without_unreleased_codes
from synth.models.artifact import NeuralArtifact, TrainingRecord
from synth.models.layers import ColumnEmbedding, ColumnHeads, ColumnLinear
from synth.models.perceptron import initial_log_shares
from synth.models.rows import RowModel


class Arn(RowModel):
    """Embeddings of the columns before -> a hidden layer a column -> one softmax a column.

    Source: masked autoencoders for any order, Germain et al. 2015 and Uria et al. 2014; a network a column
    over embeddings of the others as in TabularARGN, Tiwald et al. 2025.
    """

    offsets: Tensor

    def __init__(
        self,
        *,
        domain: Domain,
        width: int,
        hidden: int,
        shuffled: float,
        log_shares: NDArray[np.float64],
        seed: int,
    ) -> None:
        """Start at the independent model: whatever comes before, each column has its released marginal.

        Args:
          width: of a column's embedding.
          hidden: width of each column's hidden layer.
          shuffled: share of rows whose columns are put into a random order; the others keep the table's.
          log_shares: logarithms of the released 1-way marginals, [domain.total].
        """
        super().__init__()
        self.domain = domain
        self.shuffled = shuffled
        self.n_normals = len(domain) + 1
        self.loss_bound = domain.nats
        generator = torch.Generator().manual_seed(seed)
        self.embedding = ColumnEmbedding(domain, width, generator)
        self.context = ColumnLinear(len(domain), len(domain) * (width + 1), hidden, generator)
        self.heads = ColumnHeads(domain, hidden)
        self.heads.bias.data = torch.from_numpy(log_shares).float()
        self.register_buffer("offsets", torch.tensor(domain.offsets[:-1]), persistent=False)

    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        """Negative log likelihood of each row under one order of its columns, in nats."""
        logits = self.logits(codes, before(normals, self.shuffled))
        columns = torch.split(logits, list(self.domain.sizes), dim=-1)
        normalisers = torch.stack([column.logsumexp(-1) for column in columns], dim=-1)  # [..., K]
        chosen = logits.gather(-1, codes + self.offsets)  # [..., total] -> [..., K]
        return (normalisers - chosen).sum(-1)

    def logits(self, codes: Tensor, seen: Tensor) -> Tensor:
        """Logits of every column given those that it sees.

        Args:
          codes: int64 [..., K]. seen: float32 [..., K, K], 1 where column j (first K) sees column i.
        Returns: float32 [..., total].
        """
        embedded = self.embedding(codes)  # [..., K, width]
        # What is not seen is zero, and so is its mark: a column that is missing differs from one that is not.
        contexts = torch.cat([seen[..., None] * embedded[..., None, :, :], seen[..., None]], dim=-1)
        hidden = self.context(contexts.flatten(-2)).relu()  # [..., K, K (width + 1)] -> [..., K, hidden]
        out: Tensor = self.heads(hidden)
        return out

    def weights(self) -> ArnWeights:
        """A copy of what sampling needs."""
        columns, width = len(self.domain), self.embedding.weight.shape[1]
        context = self.context.weight.detach().reshape(columns, columns, width + 1, -1)
        return ArnWeights(
            embedding=self.embedding.weight.detach().numpy().copy(),
            context=context.numpy().copy(),
            context_bias=self.context.bias.detach().numpy().copy(),
            heads=self.heads.weight.detach().numpy().copy(),
            head_bias=self.heads.bias.detach().numpy().copy(),
        )


def before(normals: Tensor, shuffled: float) -> Tensor:
    """Which columns come before which, in the order of each row's draws.

    Args:
      normals: [..., K + 1], standard normals; the last decides whether the row is shuffled.
    Returns: float32 [..., K, K]: 1 where the column of the second K comes before that of the first.
    """
    n_columns = normals.shape[-1] - 1
    own = torch.arange(n_columns, dtype=normals.dtype, device=normals.device)
    is_shuffled = normals[..., -1:] < torch.special.ndtri(
        torch.tensor(float(shuffled), device=normals.device)
    )
    place = torch.where(is_shuffled, normals[..., :-1], own)
    return (place[..., None, :] < place[..., :, None]).float()


def build(manifest: PreparedManifest, settings: Model) -> Arn:
    """The untrained network: it draws every column from its released marginal, independently."""
    return Arn(
        domain=manifest.domain,
        width=settings.arn.width,
        hidden=settings.arn.hidden,
        shuffled=settings.arn.shuffled,
        log_shares=initial_log_shares(manifest),
        seed=settings.seed,
    )


def finished(
    network: Arn,
    manifest: PreparedManifest,
    settings: Model,
    training: TrainingRecord,
    report: Callable[[str], None],
) -> NeuralArtifact:
    """The network, brought to the released marginals if the settings ask for it."""
    weights = network.weights()
    if settings.align_marginals:
        aligned = align_network(manifest.domain, weights, manifest.codebooks)
        weights = aligned.weights
        report(aligned.in_words())
    weights = without_unreleased_codes(weights, manifest.codebooks)
    return NeuralArtifact(
        kind="arn", domain=manifest.domain, architecture={}, weights=weights.arrays(), training=training
    )
