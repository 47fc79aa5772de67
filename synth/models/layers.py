"""Layers that treat every column by weights of its own, all columns in one product."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.core.domain import Domain


class ColumnLinear(nn.Module):
    """One linear layer a column. float32 [..., K, n_in] -> [..., K, n_out]."""

    def __init__(self, columns: int, n_in: int, n_out: int, generator: torch.Generator) -> None:
        super().__init__()
        scale = math.sqrt(1 / n_in)
        self.weight = nn.Parameter(torch.randn(columns, n_in, n_out, generator=generator) * scale)
        self.bias = nn.Parameter(torch.zeros(columns, n_out))

    def forward(self, inputs: Tensor) -> Tensor:
        flat = inputs.flatten(0, -3).transpose(0, 1)  # [..., K, n_in] -> [K, B, n_in]
        out = torch.baddbmm(self.bias[:, None], flat, self.weight)  # [K, B, n_out]
        return out.transpose(0, 1).reshape(*inputs.shape[:-1], -1)


class ColumnEmbedding(nn.Module):
    """A vector for every code of every column. int64 [..., K] -> float32 [..., K, width]."""

    offsets: Tensor

    def __init__(self, domain: Domain, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(domain.total, width, generator=generator))
        self.register_buffer("offsets", torch.tensor(domain.offsets[:-1]), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        return self.weight[codes + self.offsets]


class ColumnHeads(nn.Module):
    """From a vector for each column to the logits of its codes. float32 [..., K, n_in] -> [..., total]."""

    def __init__(self, domain: Domain, n_in: int) -> None:
        super().__init__()
        self.sizes = list(domain.sizes)
        self.weight = nn.Parameter(torch.zeros(domain.total, n_in))
        self.bias = nn.Parameter(torch.zeros(domain.total))

    def forward(self, inputs: Tensor) -> Tensor:
        weights, biases = torch.split(self.weight, self.sizes), torch.split(self.bias, self.sizes)
        columns = zip(inputs.unbind(-2), weights, biases, strict=True)
        return torch.cat([functional.linear(*column) for column in columns], dim=-1)
