"""``precision: auto`` computes in bf16 where the processor has instructions for it."""

import pytest
import torch

from dann.training import device
from dann.training.device import choose_dtype, describe_device

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "dtype", "units"),
    [
        ({"avx2", "avx512f", "avx512_bf16", "amx_bf16"}, torch.bfloat16, " with AMX"),
        ({"avx2", "avx512f", "avx512_bf16"}, torch.bfloat16, " with AVX-512 and bf16"),
        ({"avx2", "avx512f"}, torch.float32, " with AVX-512"),
        ({"avx2"}, torch.float32, " with AVX2"),
        (set(), torch.float32, ""),
    ],
)
def test_auto_follows_the_processor(monkeypatch, flags, dtype, units) -> None:
    monkeypatch.setattr(device, "_processor_flags", lambda: frozenset(flags))
    assert choose_dtype("auto", CPU) is dtype
    assert choose_dtype("fp32", CPU) is torch.float32
    assert choose_dtype("bf16", CPU) is torch.bfloat16
    name = describe_device(CPU)
    assert name.partition(" with ")[1:] == units.partition(" with ")[1:]
