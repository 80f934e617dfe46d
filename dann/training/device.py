"""The device a run computes on, and the number format it is fastest in."""

import ctypes
import os
import platform
from pathlib import Path

import torch

from dann.errors import BadInput


def chosen_device(name: str) -> torch.device:
    """``auto`` is a CUDA GPU if there is one, else the CPU; else the device that torch calls ``name``."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BadInput(f"--device {name}: torch cannot use it here; try --device cpu") from error
    if device.type not in {"cpu", "cuda", "mps"}:
        raise BadInput(f"--device {name}: runs need cpu, cuda or mps")
    return device


def chosen_dtype(precision: str, device: torch.device) -> torch.dtype:
    """``auto`` is bfloat16 on GPUs with it and on processors with AMX, where it is faster, else float32."""
    if precision == "auto":
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else "amx_bf16" in _processor_flags()
        )
        return torch.bfloat16 if fast and device.type in {"cuda", "cpu"} else torch.float32
    return {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """The context in which a method's forward pass computes."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16)


def reseed(device: torch.device, seed: int) -> None:
    """Seed the generator of ``device`` alone.

    ``torch.manual_seed`` also queues a seeding, with a stack trace, for a CUDA that was never started: at every step
    of a run on the CPU that would cost a small network dear.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def keep_memory() -> None:
    """Keep memory that is freed for the next step instead of giving it back to the system, where glibc allows it.

    The activations of a convolution are larger than what glibc keeps by default: at each step the system would map and
    clear pages anew. What that gains in time depends on the machine.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(ctypes.c_int(-1), ctypes.c_int(2**31 - 1))  # M_TRIM_THRESHOLD
        library.mallopt(ctypes.c_int(-3), ctypes.c_int(2**28))  # M_MMAP_THRESHOLD: larger are data sets


def described(device: torch.device) -> str:
    """The device in general terms, such as "2-core x86_64 with AMX"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"Apple GPU of a {os.cpu_count()}-core {platform.machine()}"
    flags = _processor_flags()
    units = next((name for flag, name in _UNITS.items() if flag in flags), "")
    return f"{os.cpu_count()}-core {platform.machine()}{units}"


_UNITS = {"amx_bf16": " with AMX", "avx512f": " with AVX-512", "avx2": " with AVX2"}


def _processor_flags() -> frozenset[str]:
    information = Path("/proc/cpuinfo")
    if not information.is_file():
        return frozenset()
    lines = information.read_text().splitlines()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
