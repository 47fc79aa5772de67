"""Where a rank computes: a GPU of its own, or the CPU."""

import torch

from synth.config.train import Device
from synth.errors import TrainingError


def training_device(device: Device, local_rank: int) -> torch.device:
    """The device of one of a machine's ranks: each its own GPU, in order.

    Raises: TrainingError if GPUs are asked for and there are too few.
    """
    available = torch.cuda.device_count()
    if device is Device.CPU or (device is Device.AUTO and available == 0):
        return torch.device("cpu")
    if local_rank >= available:
        raise TrainingError(
            f"rank {local_rank} of this machine has no GPU: there are {available}; set train.ranks or "
            "train.hosts to as many ranks as GPUs, or train.device: cpu"
        )
    return torch.device("cuda", local_rank)


def has_gpus(device: Device) -> bool:
    """Whether ranks will compute on GPUs, as far as this machine can tell."""
    return device is Device.CUDA or (device is Device.AUTO and torch.cuda.device_count() > 0)
