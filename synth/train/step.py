"""One step of DP-SGD over all ranks: clip, sum, noise once, all-reduce, divide, step.

The step is ours from end to end. Horovod's `DistributedOptimizer` averages raw gradients during
backward and overwrites the clipped, noised one; it must never wrap the optimizer used here.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor, nn

from synth.config.train import Clipping, Precision, Train
from synth.models.rows import RowModel
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.ahead import Pending
from synth.train.batch import Batch
from synth.train.collective import Collective
from synth.train.ghost import Pass, recorded, squared_norms, trained_layers, weighted_sums
from synth.train.noise import OwnNoise


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """How a step is computed; none of it changes the guarantee.

    Attributes:
      physical_batch_size: most rows in memory at once (one unit at least); never changes the sum.
      clipping: each unit's gradient as a whole, or each layer of it to an equal share of the norm.
      precision: of forward and backward; norms, sums and noise are float32 or better whatever it is.
    """

    physical_batch_size: int
    clipping: Clipping = Clipping.FLAT
    precision: Precision = Precision.FLOAT32

    @staticmethod
    def of(train: Train) -> "StepSettings":
        """Those of the training settings."""
        return StepSettings(
            physical_batch_size=train.physical_batch_size, clipping=train.clipping, precision=train.precision
        )


def clip_factors(norms: Tensor, max_grad_norm: float) -> Tensor:
    """What to multiply gradients of these L2 norms by: min(1, C / norm), or 0 if the norm is not finite.

    A factor below the normal numbers of float32 is 0 as well: rounded to a subnormal one it may be twice
    what it should be, and so may the gradient.

    Args:
      norms: [B], >= 0 or NaN. max_grad_norm: C > 0; infinity keeps every finite gradient as it is.
    """
    factors = (max_grad_norm / norms).clamp(max=1.0)
    is_exact = torch.isfinite(norms) & (factors >= torch.finfo(torch.float32).tiny)
    return torch.where(is_exact, factors, torch.zeros_like(norms))


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


def length_of_sum(model: RowModel) -> int:
    """Of the vector that a step adds up: every trained parameter, and the loss."""
    return sum(parameter.numel() for parameter in model.trained().parameters()) + 1


def sum_clipped_gradients(
    model: RowModel, batch: Batch, *, max_grad_norm: float, settings: StepSettings
) -> Tensor:
    """Sum over units of each unit's gradient, clipped to L2 norm `max_grad_norm`.

    A unit's gradient is that of the weighted sum of its rows' losses; its rows are clipped together.

    Returns: float32 [P + 1], in the order of `model.trained().parameters()`; the last is the sum of the
      units' losses over `model.loss_bound`, each cut to [0, 1].
    Guarantee: of the first P as `clip_and_sum`, per unit; one unit moves the last by at most 1.
    """
    n_units, n_rows = batch.weights.shape
    total = torch.zeros(length_of_sum(model), device=batch.weights.device)
    n_at_once = max(1, settings.physical_batch_size // max(n_rows, 1))
    for start in range(0, n_units, n_at_once):
        total += _sum_clipped(model, batch.of(slice(start, start + n_at_once)), max_grad_norm, settings)
    return total


@dataclass(frozen=True, kw_only=True)
class NoisyStep:
    """What a step releases, the same on every rank.

    Attributes:
      gradient: float32 [P].
      loss: mean loss of a unit with noise, each unit's cut at `RowModel.loss_bound`; None if not paid for.
    """

    gradient: Tensor
    loss: float | None


def begin_step(
    model: RowModel,
    batch: Batch,
    noise: OwnNoise,
    *,
    plan: DpSgdPlan,
    collective: Collective,
    settings: StepSettings,
) -> Pending[NoisyStep]:
    """The gradient of one step, and its loss if the plan paid for it: begun, for ranks add up meanwhile.

    Args:
      batch: this rank's units; empty batches take part like any other.
      noise: of `plan.noise_standard_deviation`, for this step alone.
    Guarantee: with noise, the result times `plan.expected_batch_size` is the Gaussian mechanism of
      standard deviation noise_multiplier x S on a sum that one unit moves by at most S in L2 norm, wherever
      that unit lives. S is max_grad_norm, or the norm with the scaled loss as one more coordinate. Without
      privacy there is neither noise nor clipping.
    """
    if noise.standard_deviation != plan.noise_standard_deviation:
        raise ValueError(
            f"the plan's noise is {plan.noise_standard_deviation}, not {noise.standard_deviation}"
        )
    max_grad_norm = plan.max_grad_norm if plan.is_private else math.inf
    total = sum_clipped_gradients(model, batch, max_grad_norm=max_grad_norm, settings=settings)
    total[-1] *= plan.max_grad_norm * plan.loss_ratio
    noise.add_to(total)

    def finish(total: Tensor) -> NoisyStep:
        mean = total / plan.expected_batch_size
        loss = None
        if plan.loss_ratio:
            loss = float(mean[-1]) / (plan.max_grad_norm * plan.loss_ratio) * model.loss_bound
        return NoisyStep(gradient=mean[:-1], loss=loss)

    return collective.begin_sum(total).then(finish)


def apply_gradient(trained: nn.Module, optimizer: torch.optim.Optimizer, gradient: Tensor) -> None:
    """Let the optimizer take one step along a flat gradient, [P]."""
    parameters = list(trained.parameters())
    pieces = torch.split(gradient, [parameter.numel() for parameter in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.grad = piece.view_as(parameter)
    optimizer.step()


def _sum_clipped(model: RowModel, batch: Batch, max_grad_norm: float, settings: StepSettings) -> Tensor:
    """Norms first, then one weighted product a layer: per-unit gradients are never materialised."""
    layers = trained_layers(model.trained())
    with recorded(layers) as forward, _precision(settings, batch.weights.device):
        losses = (model.losses(batch.codes, batch.normals) * batch.weights).sum(dim=1)  # [U, R] -> [U]
    cut = (losses.detach().double() / model.loss_bound).nan_to_num(0.0).clamp(0, 1)
    backprops = torch.autograd.grad(losses.sum(), [forward[layer][1] for layer in layers])
    passes = [
        Pass(layer=layer, inputs=_float32(forward[layer][0]), backprops=_float32(backprop))
        for layer, backprop in zip(layers, backprops, strict=True)
    ]
    squares = torch.stack([squared_norms(seen) for seen in passes])  # [layers, U]
    kept = torch.isfinite(squares).all(dim=0)
    if not kept.all():
        # Zero times infinity is NaN: units that must not contribute leave before the product.
        squares = squares[:, kept]
        passes = [seen.of(kept) for seen in passes]
        cut = cut[kept]
    factors = _factors(squares, max_grad_norm, settings.clipping)
    sums = [
        sums for seen, factor in zip(passes, factors, strict=True) for sums in weighted_sums(seen, factor)
    ]
    return torch.cat([*(part.flatten() for part in sums), cut.sum()[None].float()])


def _factors(squares: Tensor, max_grad_norm: float, clipping: Clipping) -> Tensor:
    """What the layers' gradients are multiplied by. float64 [layers, U] -> float32 [layers, U]."""
    match clipping:
        case Clipping.FLAT:
            return clip_factors(squares.sum(dim=0).sqrt(), max_grad_norm).float().expand(len(squares), -1)
        case Clipping.PER_LAYER:
            # Each layer to an equal share: their squares add up to max_grad_norm's.
            return clip_factors(squares.sqrt(), max_grad_norm / math.sqrt(len(squares))).float()
        case _:
            assert_never(clipping)


def _float32(values: Tensor) -> Tensor:
    """Norms and sums are taken of the very numbers that were recorded, in float32; codes stay codes."""
    return values.float() if values.is_floating_point() else values


def _precision(settings: StepSettings, device: torch.device) -> AbstractContextManager[object]:
    match settings.precision:
        case Precision.FLOAT32:
            return nullcontext()
        case Precision.BFLOAT16:
            return torch.autocast(device.type, dtype=torch.bfloat16)
        case _:
            assert_never(settings.precision)
