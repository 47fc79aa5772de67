"""One step of DP-SGD over all ranks: clip, sum, noise once, all-reduce, divide, step.

The step is ours from end to end. Horovod's `DistributedOptimizer` averages raw gradients during
backward and overwrites the clipped, noised one; it must never wrap the optimizer used here.
"""

import math
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from opacus.grad_sample.linear import compute_linear_norm_sample
from torch import Tensor, nn

from synth.models.rows import RowModel
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.collective import Collective

_LARGE = 1e12
"""Below this norm float32 can add up a vector's squares: what underflow then hides stays < 1e-9."""

DrawNoise = Callable[[int, float], Tensor]
"""(length, standard deviation) -> float32 [length]."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The privacy units that joined a step on this rank, each padded to the same number of rows.

    Attributes:
      codes: int64 [U, R, K]; U may be 0.
      weights: float32 [U, R]; of each row in its unit's loss; 0 for padding.
      normals: float32 [U, R, latent]; the draws that the loss needs, made before any cutting into
        physical batches, so that cutting never changes the sum.
    """

    codes: Tensor
    weights: Tensor
    normals: Tensor


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """What one linear layer saw and what came back, which is all its per-unit gradients are made of."""

    inputs: Tensor  # [U, R, n_in]
    backprops: Tensor  # [U, R, n_out]


def clip_factors(norms: Tensor, max_grad_norm: float) -> Tensor:
    """What to multiply gradients of these L2 norms by: min(1, C / norm), or 0 if the norm is not finite.

    Args:
      norms: [B], >= 0 or NaN. max_grad_norm: C > 0; infinity keeps every finite gradient as it is.
    """
    factors = (max_grad_norm / norms).clamp(max=1.0)
    return torch.where(torch.isfinite(norms), factors, torch.zeros_like(norms))


def clip_and_sum(grads: Tensor, max_grad_norm: float) -> Tensor:
    """Sum per-example gradients after clipping each to L2 norm `max_grad_norm`.

    The definition that `sum_clipped_gradients` computes without holding `grads` in memory.

    Args:
      grads: float32 [B, P]; B may be 0.
      max_grad_norm: C > 0, in gradient units.
    Returns: float32 [P].
    Guarantee: adding or removing one example moves the result by at most C (L2), up to float32
      rounding; examples with a non-finite norm contribute zero.
    Source: Abadi et al. 2016, Algorithm 1.
    """
    norms = grads.double().norm(dim=1)  # [B, P] -> [B]
    kept = torch.isfinite(norms)
    factors = clip_factors(norms[kept], max_grad_norm)
    return factors.to(grads.dtype) @ grads[kept]  # [B'] @ [B', P] -> [P]


def sum_clipped_gradients(
    model: RowModel, batch: Batch, *, max_grad_norm: float, physical_batch_size: int
) -> Tensor:
    """Sum over units of each unit's gradient, clipped to L2 norm `max_grad_norm`.

    A unit's gradient is that of the weighted sum of its rows' losses; it is clipped as a whole.

    Args:
      physical_batch_size: most rows in memory at once (one unit at least); never changes the sum.
    Returns: float32 [P], in the order of `model.parameters()`.
    Guarantee: as `clip_and_sum`, per unit.
    """
    n_units, n_rows = batch.weights.shape
    total = torch.zeros(sum(parameter.numel() for parameter in model.parameters()))
    n_at_once = max(1, physical_batch_size // max(n_rows, 1))
    for start in range(0, n_units, n_at_once):
        units = slice(start, start + n_at_once)
        part = Batch(codes=batch.codes[units], weights=batch.weights[units], normals=batch.normals[units])
        total += _sum_clipped(model, part, max_grad_norm)
    return total


def noisy_gradient(
    model: RowModel,
    batch: Batch,
    *,
    plan: DpSgdPlan,
    collective: Collective,
    physical_batch_size: int,
    draw_noise: DrawNoise,
) -> Tensor:
    """The gradient of one step, the same on every rank.

    Args:
      batch: this rank's units; empty batches take part like any other.
    Returns: float32 [P].
    Guarantee: with noise, the result times `plan.expected_batch_size` is the Gaussian mechanism of
      standard deviation noise_multiplier * max_grad_norm on a sum that one unit moves by at most
      max_grad_norm, wherever that unit lives. Without privacy there is neither noise nor clipping.
    """
    max_grad_norm = plan.max_grad_norm if plan.is_private else math.inf
    total = sum_clipped_gradients(
        model, batch, max_grad_norm=max_grad_norm, physical_batch_size=physical_batch_size
    )
    if plan.is_private and collective.rank == 0:
        total += draw_noise(len(total), plan.noise_multiplier * plan.max_grad_norm)
    return collective.sum(total) / plan.expected_batch_size


def apply_gradient(model: nn.Module, optimizer: torch.optim.Optimizer, gradient: Tensor) -> None:
    """Let the optimizer take one step along a flat gradient, [P]."""
    parameters = list(model.parameters())
    pieces = torch.split(gradient, [parameter.numel() for parameter in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.grad = piece.view_as(parameter)
    optimizer.step()


def gaussian_noise(length: int, standard_deviation: float) -> Tensor:
    """Gaussian noise from OS entropy, float32 [length]; nothing of its state outlives the call.

    Each value is the sum of four draws over two: the low bits of one floating-point draw would tell
    which values it cannot be. Source: Holohan, Braghin 2021; as Opacus' secure mode.
    """
    # torch's own CPU generator keeps 32 bits of its seed: noise that could be tried out.
    generator = noise_generator()
    draws = torch.from_numpy(generator.standard_normal((4, length), dtype=np.float32))
    return draws.sum(dim=0) * (standard_deviation / 2)  # [4, P] -> [P]


def noise_generator() -> np.random.Generator:
    """A new generator with a key of 128 and a counter of 256 bits from OS entropy."""
    return np.random.Generator(np.random.Philox(key=secrets.randbits(128), counter=secrets.randbits(256)))


def _sum_clipped(model: RowModel, batch: Batch, max_grad_norm: float) -> Tensor:
    """Norms first, then one weighted product a layer: per-unit gradients are never materialised.

    Source: ghost norms, Goodfellow 2015 and Li et al. 2022 (the rule for rows in a unit); one pass,
    Bu et al. 2023.
    """
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    with _recorded(linears) as forward:
        losses = (model.losses(batch.codes, batch.normals) * batch.weights).sum(dim=1)  # [U, R] -> [U]
    outputs = [forward[linear][1] for linear in linears]
    backprops = torch.autograd.grad(losses.sum(), outputs)
    layers = [
        _Layer(inputs=forward[linear][0], backprops=backprop)
        for linear, backprop in zip(linears, backprops, strict=True)
    ]
    norms = _unit_norms(linears, layers)
    kept = torch.isfinite(norms)
    if not kept.all():
        # Zero times infinity is NaN: units that must not contribute leave before the product.
        norms = norms[kept]
        layers = [_Layer(inputs=layer.inputs[kept], backprops=layer.backprops[kept]) for layer in layers]
    factors = clip_factors(norms, max_grad_norm).float()
    return torch.cat([piece for layer in layers for piece in _weighted_gradient(layer, factors)])


def _weighted_gradient(layer: _Layer, factors: Tensor) -> tuple[Tensor, Tensor]:
    """A layer's gradients summed with one factor a unit, [U]: weight [n_out * n_in] and bias [n_out]."""
    by_row = factors.repeat_interleave(layer.inputs.shape[1])  # [U] -> [UR]
    inputs, backprops = layer.inputs.flatten(0, 1), layer.backprops.flatten(0, 1)  # [U, R, n] -> [UR, n]
    bias = by_row @ backprops
    # The factor may go to either side of the product; the narrower one is cheaper.
    if inputs.shape[1] < backprops.shape[1]:
        inputs = inputs * by_row[:, None]
    else:
        backprops = backprops * by_row[:, None]
    return (backprops.T @ inputs).flatten(), bias


def _unit_norms(linears: list[nn.Linear], layers: list[_Layer]) -> Tensor:
    """L2 norm of each unit's whole gradient; float64 [U]."""
    squares = torch.zeros(len(layers[0].inputs), dtype=torch.float64)
    for linear, layer in zip(linears, layers, strict=True):
        squares += _one_row_squares(layer) if layer.inputs.shape[1] == 1 else _squares(linear, layer)
    return squares.sqrt()


def _one_row_squares(layer: _Layer) -> Tensor:
    """Squared norm of a layer's gradient where a unit is one row: of the product of backprop and [input, 1].

    Nothing can cancel here, so that float32 is enough for each factor.
    """
    inputs, backprops = _vector_norms(layer.inputs[:, 0]), _vector_norms(layer.backprops[:, 0])
    return backprops.square() * (inputs.square() + 1)  # [U], the 1 is the bias


def _vector_norms(vectors: Tensor) -> Tensor:
    """L2 norm of each vector; float32 [U, n] -> float64 [U]."""
    norms = torch.linalg.vector_norm(vectors, dim=-1)
    if not (norms < _LARGE).all():
        norms = torch.linalg.vector_norm(vectors, dim=-1, dtype=torch.float64)
    return norms.double()


def _squares(linear: nn.Linear, layer: _Layer) -> Tensor:
    """Squared norm of a layer's gradient summed over the rows of each unit; float64 [U].

    In float64, for rows of one unit may cancel: float32 would then see less than there is.
    """
    norms = compute_linear_norm_sample(linear, [layer.inputs.double()], layer.backprops.double())
    return torch.stack([norm.square() for norm in norms.values()]).sum(dim=0)


@contextmanager
def _recorded(linears: list[nn.Linear]) -> Iterator[dict[nn.Module, tuple[Tensor, Tensor]]]:
    """Inputs (detached) and outputs of every linear layer during the block."""
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if module in seen:
            raise TypeError("a layer used twice has no ghost norm")
        seen[module] = (inputs[0].detach(), output)

    handles = [linear.register_forward_hook(record) for linear in linears]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
