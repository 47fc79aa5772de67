"""Norms and clipped sums of per-unit gradients that are never held in memory: one rule a kind of layer.

A layer's per-unit gradient is made of what went in and what came back, and so are its norm and its weighted
sum over units. Source: ghost norms, Goodfellow 2015 and Li et al. 2022; one pass, Bu et al. 2023.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from opacus.grad_sample.linear import compute_linear_norm_sample
from torch import Tensor, nn
from torch.nn import functional

from synth.models.layers import ColumnEmbedding, ColumnHeads, ColumnLinear

_LARGE = 1e12
"""Below this norm float32 can add up a vector's squares: what underflow then hides stays < 1e-9."""
_RULED = (nn.Linear, nn.LayerNorm, nn.Embedding, ColumnEmbedding, ColumnLinear, ColumnHeads)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one layer saw and what came back for U units of R rows each.

    Attributes:
      inputs: [U, R, ...]; numbers, or codes of an embedding.
      backprops: float32 [U, R, ...], the gradient of the summed loss by the layer's output.
    """

    layer: nn.Module
    inputs: Tensor
    backprops: Tensor

    def of(self, units: Tensor) -> "Pass":
        """The same for some units. bool [U]."""
        return Pass(layer=self.layer, inputs=self.inputs[units], backprops=self.backprops[units])


def trained_layers(module: nn.Module) -> list[nn.Module]:
    """The layers that hold the module's parameters, in the order of `module.parameters()`.

    Raises: TypeError naming a layer without a rule.
    """
    layers = [part for part in module.modules() if any(True for _ in part.parameters(recurse=False))]
    for layer in layers:
        if not isinstance(layer, _RULED):
            raise TypeError(f"{type(layer).__name__} has no rule for the norms of its gradients")
    return layers


@contextmanager
def recorded(layers: list[nn.Module]) -> Iterator[dict[nn.Module, tuple[Tensor, Tensor]]]:
    """Inputs (detached) and outputs of every layer during the block."""
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def record(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if layer in seen:
            raise TypeError("a layer used twice has no ghost norm")
        seen[layer] = (inputs[0].detach(), output)

    handles = [layer.register_forward_hook(record) for layer in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def squared_norms(seen: Pass) -> Tensor:
    """Squared L2 norm of each unit's gradient of the layer's parameters; float64 [U].

    Units of one row are measured in float32, where nothing can cancel; others in float64, for rows of one
    unit may cancel and float32 would then see less than there is.
    """
    match seen.layer:
        case nn.Linear():
            return _linear_squares(seen.layer, _positions(seen))
        case nn.LayerNorm():
            return sum(_summed(part).square().sum(1) for part in _normalised(seen.layer, seen))  # type: ignore[return-value]
        case nn.Embedding():
            return _repeated(seen.inputs.flatten(1)[:, None], _positions(seen).backprops[:, None])
        case ColumnEmbedding():
            if seen.inputs.shape[1] == 1:  # codes of one row lie in different columns
                return vector_norms(seen.backprops.flatten(1)).square()
            return _repeated(seen.inputs.transpose(1, 2), seen.backprops.transpose(1, 2))
        case ColumnLinear():
            return _column_squares(seen)
        case ColumnHeads():
            return _heads_squares(seen.layer, seen)
        case layer:
            raise TypeError(f"{type(layer).__name__} has no rule for the norms of its gradients")


def weighted_sums(seen: Pass, factors: Tensor) -> list[Tensor]:
    """The layer's gradients summed over units with one factor each, in the order of its parameters.

    Args:
      factors: float32 [U].
    """
    match seen.layer:
        case nn.Linear():
            return _linear_sums(seen.layer, _positions(seen), factors)
        case nn.LayerNorm():
            return [factors @ _summed(part).float() for part in _normalised(seen.layer, seen)]
        case nn.Embedding() | ColumnEmbedding():
            codes = seen.inputs
            if isinstance(seen.layer, ColumnEmbedding):
                codes = codes + seen.layer.offsets
            total = torch.zeros_like(seen.layer.weight)
            scaled = seen.backprops * _by_position(factors, seen.backprops)
            return [total.index_add_(0, codes.flatten(), scaled.flatten(0, -2))]
        case ColumnLinear():
            scaled = (seen.backprops * _by_position(factors, seen.backprops)).flatten(0, 1).transpose(0, 1)
            inputs = seen.inputs.flatten(0, 1).transpose(0, 1)  # [U, R, K, n_in] -> [K, B, n_in]
            return [inputs.transpose(1, 2) @ scaled, scaled.sum(1)]  # [K, n_in, n_out], [K, n_out]
        case ColumnHeads():
            scaled = (seen.backprops * _by_position(factors, seen.backprops)).flatten(0, 1)  # [B, total]
            columns = zip(
                torch.split(scaled, seen.layer.sizes, dim=1), seen.inputs.flatten(0, 1).unbind(1), strict=True
            )
            return [torch.cat([head.T @ inputs for head, inputs in columns]), scaled.sum(0)]
        case layer:
            raise TypeError(f"{type(layer).__name__} has no rule for the sums of its gradients")


def vector_norms(vectors: Tensor) -> Tensor:
    """L2 norm of each vector; float32 [..., n] -> float64 [...]."""
    norms = torch.linalg.vector_norm(vectors, dim=-1)
    if not (norms < _LARGE).all():
        norms = torch.linalg.vector_norm(vectors, dim=-1, dtype=torch.float64)
    return norms.double()


def _positions(seen: Pass) -> Pass:
    """Every place where the layer was applied to a unit, in one dimension. [U, R, ..., n] -> [U, P, n]."""
    is_coded = isinstance(seen.layer, nn.Embedding)
    inputs = seen.inputs if is_coded or seen.inputs.dim() == 3 else seen.inputs.flatten(1, -2)
    backprops = seen.backprops if seen.backprops.dim() == 3 else seen.backprops.flatten(1, -2)
    return Pass(layer=seen.layer, inputs=inputs, backprops=backprops)


def _by_position(factors: Tensor, like: Tensor) -> Tensor:
    return factors.view(-1, *[1] * (like.dim() - 1))


def _linear_squares(layer: nn.Linear, seen: Pass) -> Tensor:
    if seen.inputs.shape[1] == 1:
        # The gradient is the product of two vectors: of backprop and [input, 1].
        inputs, backprops = vector_norms(seen.inputs[:, 0]), vector_norms(seen.backprops[:, 0])
        return backprops.square() * (inputs.square() + (layer.bias is not None))
    norms = compute_linear_norm_sample(layer, [seen.inputs.double()], seen.backprops.double())
    return torch.stack([norm.square() for norm in norms.values()]).sum(dim=0)


def _linear_sums(layer: nn.Linear, seen: Pass, factors: Tensor) -> list[Tensor]:
    by_row = factors.repeat_interleave(seen.inputs.shape[1])  # [U] -> [UP]
    inputs, backprops = seen.inputs.flatten(0, 1), seen.backprops.flatten(0, 1)  # [U, P, n] -> [UP, n]
    biases = [] if layer.bias is None else [by_row @ backprops]
    # The factor may go to either side of the product; the narrower one is cheaper.
    if inputs.shape[1] < backprops.shape[1]:
        inputs = inputs * by_row[:, None]
    else:
        backprops = backprops * by_row[:, None]
    return [backprops.T @ inputs, *biases]


def _column_squares(seen: Pass) -> Tensor:
    if seen.inputs.shape[1] == 1:
        inputs, backprops = vector_norms(seen.inputs[:, 0]), vector_norms(seen.backprops[:, 0])  # [U, K]
        return (backprops.square() * (inputs.square() + 1)).sum(1)
    inputs, backprops = (part.double().transpose(1, 2) for part in (seen.inputs, seen.backprops))
    products = inputs @ inputs.transpose(2, 3) + 1  # [U, K, R, n_in] -> [U, K, R, R]
    return (products * (backprops @ backprops.transpose(2, 3))).sum((1, 2, 3)).clamp(min=0)


def _heads_squares(layer: ColumnHeads, seen: Pass) -> Tensor:
    columns = zip(torch.split(seen.backprops, layer.sizes, dim=2), seen.inputs.unbind(2), strict=True)
    if seen.inputs.shape[1] == 1:
        squares = [
            vector_norms(head[:, 0]).square() * (vector_norms(inputs[:, 0]).square() + 1)
            for head, inputs in columns
        ]
    else:
        wide = [(head.double(), inputs.double()) for head, inputs in columns]
        squares = [
            ((head @ head.transpose(1, 2)) * (inputs @ inputs.transpose(1, 2) + 1)).sum((1, 2)).clamp(min=0)
            for head, inputs in wide
        ]
    return torch.stack(squares).sum(0)


def _repeated(codes: Tensor, backprops: Tensor) -> Tensor:
    """Squared norms where equal codes add up. [U, G, P], float32 [U, G, P, n] -> float64 [U]."""
    if codes.shape[2] == 1:
        return vector_norms(backprops.flatten(1)).square()
    wide = backprops.double()
    together = codes[..., :, None] == codes[..., None, :]  # [U, G, P, P]
    return (wide @ wide.transpose(2, 3) * together).sum((1, 2, 3)).clamp(min=0)


def _normalised(layer: nn.LayerNorm, seen: Pass) -> list[Tensor]:
    """What each parameter's gradient adds up, by position: [U, R, ..., n] each."""
    inputs = functional.layer_norm(seen.inputs, layer.normalized_shape, eps=layer.eps)
    return [seen.backprops * inputs] + ([] if layer.bias is None else [seen.backprops])


def _summed(by_position: Tensor) -> Tensor:
    """A unit's whole gradient. [U, R, ..., n] -> float64 [U, n]."""
    return by_position.double().flatten(1, -2).sum(1)
