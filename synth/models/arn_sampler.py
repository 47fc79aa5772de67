"""Rows from a trained autoregressive network and given uniforms; NumPy alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synth.core.codebook import Codebook
from synth.core.domain import Domain
from synth.models.align import Aligned, align_column, marginal_shares, unreleased
from synth.models.artifact import NeuralArtifact, expect
from synth.models.decoder import inverse_draw

_ROWS_AT_ONCE = 2048
"""Activations of so many rows stay in a core's cache."""
_ALIGNED_ROWS = 20_000
_FLOOR = 1e-6
_SEED = 0
_IMPOSSIBLE = -1e4

Floats = NDArray[np.float32]
Draw = Callable[[int, Floats, slice], NDArray[np.uint16]]
"""(column, its logits [codes, n], which rows) -> codes [n]."""


@dataclass(frozen=True, kw_only=True)
class ArnWeights:
    """A trained network as plain arrays.

    Attributes:
      embedding: float32 [total, width], a vector for each code.
      context: float32 [K, K, width + 1, hidden]: from column i (second) to the hidden layer of column j
        (first); the last of width + 1 is for column i being seen at all.
      context_bias: float32 [K, hidden]. heads: float32 [total, hidden]. head_bias: float32 [total].
    """

    embedding: Floats
    context: Floats
    context_bias: Floats
    heads: Floats
    head_bias: Floats

    def arrays(self) -> dict[str, Floats]:
        """The weights by name; `of` turns them back."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def of(artifact: NeuralArtifact) -> "ArnWeights":
        """The network of an artifact.

        Raises: ValueError or KeyError if its arrays are no network of its domain.
        """
        weights = ArnWeights(**{name: artifact.weights[name] for name in ArnWeights.__dataclass_fields__})
        n, total = len(artifact.domain), artifact.domain.total
        width, hidden = weights.embedding.shape[1], weights.heads.shape[1]
        shapes = {
            "embedding": (total, width),
            "context": (n, n, width + 1, hidden),
            "context_bias": (n, hidden),
            "heads": (total, hidden),
            "head_bias": (total,),
        }
        for name, shape in shapes.items():
            expect(getattr(weights, name).shape == shape, f"{name} is no array of shape {shape}")
        return weights


class ArnSampler:
    """Draws column after column, each by inverting its softmax given those before; a uniform a column.

    Columns whose shares are given come first and are drawn from those; the rest follow in the table's order.
    """

    def __init__(
        self,
        domain: Domain,
        weights: ArnWeights,
        *,
        first: Mapping[int, NDArray[np.float64]] | None = None,
        temperature: float = 1.0,
    ) -> None:
        """Args:
        first: shares over the codes of columns to draw first. temperature: > 0; below 1 favours what is
          frequent.
        """
        self.domain = domain
        self._weights = weights
        self._first = dict(first or {})
        self._temperature = temperature
        rest = [column for column in range(len(domain)) if column not in self._first]
        self._walk = _Walk(domain, weights, [*self._first, *rest])

    @property
    def n_uniforms(self) -> int:
        return len(self.domain)

    def starting(self, first: Mapping[int, NDArray[np.float64]], temperature: float = 1.0) -> "ArnSampler":
        """The sampler of rows in which these columns have these shares, the others drawn given them."""
        return ArnSampler(self.domain, self._weights, first=first, temperature=temperature)

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Rows of codes. [n, K] in [0, 1) -> [n, K]."""
        if uniforms.shape[1] != self.n_uniforms:
            raise ValueError(f"{uniforms.shape[1]} uniforms a row for {self.n_uniforms}")
        thresholds = uniforms.T.astype(np.float32)  # [n, K] -> [K, n]

        def draw(column: int, logits: Floats, rows: slice) -> NDArray[np.uint16]:
            if column in self._first:
                logits = np.broadcast_to(_logarithms(self._first[column])[:, None], logits.shape)
            elif self._temperature != 1.0:
                logits = logits / np.float32(self._temperature)
            return inverse_draw(logits, thresholds[column, rows])

        return self._walk.codes(len(uniforms), draw)


class _Walk:
    """The network along one order of the columns, each column's share of the hidden layers looked up."""

    def __init__(
        self, domain: Domain, weights: ArnWeights, order: Sequence[int], *, at_once: int = _ROWS_AT_ONCE
    ) -> None:
        self._order = list(order)
        self._at_once = at_once
        self._hidden = weights.heads.shape[1]
        self._bias = weights.context_bias[self._order].ravel()  # [K hidden], in the order of drawing
        spans = [slice(a, b) for a, b in zip(domain.offsets[:-1], domain.offsets[1:], strict=True)]
        self._heads = [(weights.heads[spans[j]], weights.head_bias[spans[j]]) for j in self._order]
        self._shares = []
        for place, i in enumerate(self._order):
            into = weights.context[self._order[place + 1 :], i]  # [later, width + 1, hidden]
            marked = np.pad(weights.embedding[spans[i]], ((0, 0), (0, 1)), constant_values=1.0)
            share = np.einsum("cw,lwh->clh", marked, into)  # [codes, later, hidden]
            self._shares.append(np.ascontiguousarray(share.reshape(len(marked), -1), dtype=np.float32))

    def codes(self, n: int, draw: Draw) -> NDArray[np.uint16]:
        """Codes of n rows, [n, K]."""
        codes = np.empty((n, len(self._order)), dtype=np.uint16)
        for start in range(0, n, self._at_once):
            rows = slice(start, min(start + self._at_once, n))
            hidden = np.tile(self._bias, (rows.stop - rows.start, 1))  # [rows, K hidden]
            for place, column in enumerate(self._order):
                here = slice(place * self._hidden, (place + 1) * self._hidden)
                heads, bias = self._heads[place]
                logits = heads @ np.maximum(hidden[:, here], 0).T + bias[:, None]  # [codes, rows]
                codes[rows, column] = draw(column, logits, rows)
                hidden[:, here.stop :] += self._shares[place][codes[rows, column]]
        return codes


def align_network(domain: Domain, weights: ArnWeights, codebooks: Sequence[Codebook]) -> Aligned[ArnWeights]:
    """Shift the output biases until rows drawn in the table's order have the released 1-way marginals.

    Column after column, over one fixed sample of what comes before it: expected probabilities are compared.
    """
    targets = [marginal_shares(codebook, _FLOOR) for codebook in codebooks]
    thresholds = np.random.default_rng(_SEED).random((len(domain), _ALIGNED_ROWS), dtype=np.float32)
    biases = weights.head_bias.copy()
    distances = []
    walk = _Walk(domain, weights, range(len(domain)), at_once=_ALIGNED_ROWS)

    def draw(column: int, logits: Floats, rows: slice) -> NDArray[np.uint16]:
        part = slice(domain.offsets[column], domain.offsets[column + 1])
        given = logits - weights.head_bias[part, None]
        biases[part], before, after = align_column(given, biases[part], targets[column])
        distances.append((before, after))
        return inverse_draw(given + biases[part, None], thresholds[column, rows])

    walk.codes(_ALIGNED_ROWS, draw)
    before, after = np.mean(distances, axis=0)
    aligned = replace(weights, head_bias=biases)
    return Aligned(weights=aligned, distance_before=float(before), distance_after=float(after))


def without_unreleased_codes(weights: ArnWeights, codebooks: Sequence[Codebook]) -> ArnWeights:
    """The network with every code that has no released count made impossible."""
    gone = np.concatenate([unreleased(codebook) for codebook in codebooks])  # [total]
    return replace(weights, head_bias=np.where(gone, _IMPOSSIBLE, weights.head_bias).astype(np.float32))


def _logarithms(shares: NDArray[np.float64]) -> Floats:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(shares), _IMPOSSIBLE).astype(np.float32)
