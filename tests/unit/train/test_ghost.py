"""Every layer's rule against an ordinary backward pass for each unit alone."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from synth.config.train import Clipping, Precision
from synth.core.domain import Domain
from synth.models.arn import Arn
from synth.models.layers import ColumnEmbedding, ColumnHeads, ColumnLinear
from synth.models.rows import RowModel
from synth.train.batch import Batch
from synth.train.ghost import trained_layers
from synth.train.step import StepSettings, clip_and_sum, sum_clipped_gradients

DOMAIN = Domain(("a", "b", "c"), (3, 5, 2))
WIDTH = 4


class EveryLayer(RowModel):
    """One of each layer that has a rule; the shared embedding sees equal codes within a row."""

    n_normals = WIDTH
    loss_bound = 10.0

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        torch.manual_seed(3)
        self.embedding = ColumnEmbedding(DOMAIN, WIDTH, generator)
        self.shared = nn.Embedding(5, WIDTH)
        self.columns = ColumnLinear(3, WIDTH, 6, generator)
        self.norm = nn.LayerNorm(6)
        self.by_position = nn.Linear(6, 5)
        self.plain = nn.Linear(15, 4, bias=False)
        self.heads = ColumnHeads(Domain(("x", "y"), (3, 2)), 2)
        nn.init.normal_(self.heads.weight)

    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        hidden = self.embedding(codes) + self.shared(codes) + normals[..., None, :]  # [..., K, WIDTH]
        hidden = self.by_position(self.norm(self.columns(hidden)).tanh())  # [..., K, 5]
        pairs = self.plain(hidden.flatten(-2)).unflatten(-1, (2, 2))  # [..., 4] -> [..., 2, 2]
        out: Tensor = self.heads(pairs).square().sum(-1)
        return out


def make_batch(n_units: int, n_rows: int) -> Batch:
    rng = np.random.default_rng(n_rows)
    codes = np.stack([rng.integers(0, size, (n_units, n_rows)) for size in DOMAIN.sizes], axis=-1)
    present = np.arange(n_rows) < rng.integers(1, n_rows + 1, (n_units, 1))
    return Batch(
        codes=torch.from_numpy(codes),
        weights=torch.from_numpy(present * np.float32(0.7)),
        normals=torch.from_numpy(rng.standard_normal((n_units, n_rows, WIDTH), dtype=np.float32)),
    )


def clipped_sum(model: RowModel, batch: Batch, *, max_grad_norm: float, settings: StepSettings) -> Tensor:
    """The gradients' part of the sum; float32 [P]."""
    return sum_clipped_gradients(model, batch, max_grad_norm=max_grad_norm, settings=settings)[:-1]


def by_layer_one_by_one(model: RowModel, batch: Batch) -> list[Tensor]:
    """Each unit's gradients, layer by layer: [U, P_l] each."""
    layers = trained_layers(model)
    rows: list[list[Tensor]] = [[] for _ in layers]
    for unit in range(len(batch.codes)):
        model.zero_grad()
        (model.losses(batch.codes[unit], batch.normals[unit]) * batch.weights[unit]).sum().backward()
        for row, layer in zip(rows, layers, strict=True):
            grads = [p.grad.flatten() for p in layer.parameters(recurse=False) if p.grad is not None]
            row.append(torch.cat(grads).clone())
    return [torch.stack(row) for row in rows]


@pytest.mark.parametrize("n_rows", [1, 4])
@pytest.mark.parametrize("max_grad_norm", [0.3, 5.0, math.inf])
def test_every_rule_equals_clipping_one_by_one(n_rows: int, max_grad_norm: float) -> None:
    model, batch = EveryLayer(), make_batch(9, n_rows)
    expected = clip_and_sum(torch.cat(by_layer_one_by_one(model, batch), dim=1), max_grad_norm)
    settings = StepSettings(physical_batch_size=6)
    got = clipped_sum(model, batch, max_grad_norm=max_grad_norm, settings=settings)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_rows", [1, 4])
def test_the_autoregressive_network_is_clipped_one_by_one(n_rows: int) -> None:
    shares = np.log(np.full(DOMAIN.total, 0.2))
    model = Arn(domain=DOMAIN, width=3, hidden=5, shuffled=0.5, log_shares=shares, seed=0)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():  # the heads start at zero and would hide the layers below
        nn.init.normal_(parameter, std=0.9, generator=generator)
    batch = make_batch(9, n_rows)
    assert batch.normals.shape[-1] == model.n_normals
    alone = torch.cat(by_layer_one_by_one(model, batch), dim=1)
    median = float(alone.norm(dim=1).median())  # half of the units are clipped
    got = clipped_sum(model, batch, max_grad_norm=median, settings=StepSettings(physical_batch_size=6))
    torch.testing.assert_close(got, clip_and_sum(alone, median), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_rows", [1, 4])
def test_each_layer_is_clipped_to_an_equal_share(n_rows: int) -> None:
    model, batch = EveryLayer(), make_batch(9, n_rows)
    layers = by_layer_one_by_one(model, batch)
    share = 0.3 / math.sqrt(len(layers))
    expected = torch.cat([clip_and_sum(grads, share) for grads in layers])
    settings = StepSettings(physical_batch_size=100, clipping=Clipping.PER_LAYER)
    got = clipped_sum(model, batch, max_grad_norm=0.3, settings=settings)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clipping", list(Clipping))
@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("n_rows", [1, 4])
def test_one_unit_moves_the_sum_by_at_most_the_norm(
    clipping: Clipping, precision: Precision, n_rows: int
) -> None:
    model, batch = EveryLayer(), make_batch(1, n_rows)
    settings = StepSettings(physical_batch_size=100, clipping=clipping, precision=precision)
    moved = clipped_sum(model, batch, max_grad_norm=0.2, settings=settings)
    assert moved.dtype == torch.float32
    assert 0.1 < moved.norm() <= 0.2 * (1 + 1e-5)


def test_half_the_bits_give_nearly_the_same_sum() -> None:
    model, batch = EveryLayer(), make_batch(50, 1)
    whole, half = (
        clipped_sum(
            model,
            batch,
            max_grad_norm=1.0,
            settings=StepSettings(physical_batch_size=100, precision=precision),
        )
        for precision in Precision
    )
    assert not torch.equal(whole, half)
    assert torch.nn.functional.cosine_similarity(whole, half, dim=0) > 0.99


def test_a_layer_without_a_rule_is_named() -> None:
    with pytest.raises(TypeError, match="BatchNorm1d has no rule"):
        trained_layers(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
