"""The device that a run computes on, and the number format of its forward pass."""

import ctypes
import gc
import os
import platform
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from dann.errors import BadInput


def choose_device(name: str, option: str = "--device ") -> torch.device:
    """The device of this name; ``auto`` is a CUDA GPU if there is one, else the CPU.

    Args:
        option: how the name is given, for messages.

    Raises:
        BadInput: torch cannot use it here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BadInput(f"{option}{name}: torch cannot use it here; try {option}cpu") from error
    if device.type not in {"cpu", "cuda", "mps"}:
        raise BadInput(f"{option}{name}: runs need cpu, cuda or mps")
    return device


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The number format of a precision; ``auto`` is bfloat16 where the device computes with it, else float32."""
    if precision == "auto":
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else bool({"amx_bf16", "avx512_bf16"} & _processor_flags())
        )
        return torch.bfloat16 if fast and device.type in {"cuda", "cpu"} else torch.float32
    return {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]


def precision_name(dtype: torch.dtype) -> str:
    """The name of a number format in records and checkpoints."""
    return "bf16" if dtype is torch.bfloat16 else "fp32"


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """The context in which a method's forward pass computes."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16)


def reseed(device: torch.device, seed: int) -> None:
    """Seed the generator of ``device`` alone.

    ``torch.manual_seed`` also queues a seeding, with a stack trace, for a CUDA that was never started: at each step
    of a run on the CPU that would cost a small network much of its time.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def keep_random_state(device: torch.device) -> AbstractContextManager[None]:
    """A context at whose end the caller's generators, of the CPU and of ``device``, are as they were."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def default_generator(device: torch.device) -> torch.Generator:
    """The generator from which modules on ``device`` draw."""
    if device.type == "cuda":
        return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    return torch.mps._get_default_mps_generator() if device.type == "mps" else torch.default_generator


def keep_memory() -> None:
    """Let glibc keep freed memory for the next step instead of returning it to the system.

    Activations of convolutions exceed the threshold of glibc, so the system would map and clear pages at each step. The
    gain in time depends on the machine.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(ctypes.c_int(-1), ctypes.c_int(2**31 - 1))  # M_TRIM_THRESHOLD
        library.mallopt(ctypes.c_int(-3), ctypes.c_int(2**28))  # M_MMAP_THRESHOLD: larger are data sets


def measure_memory(device: torch.device) -> int:
    """The memory of a device in bytes; of a processor, the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def release_memory() -> None:
    """Return to the system what ``keep_memory`` keeps and nothing uses, as before other data are loaded.

    Without it a process grows to the sum of what runs on data of different sizes need.
    """
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def describe_device(device: torch.device) -> str:
    """The device in general terms, such as "2-core x86_64 with AMX"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"Apple GPU of a {os.cpu_count()}-core {platform.machine()}"
    flags = _processor_flags()
    units = next((name for flag, name in _UNITS.items() if flag in flags), "")
    return f"{os.cpu_count()}-core {platform.machine()}{units}"


_UNITS = {
    "amx_bf16": " with AMX",
    "avx512_bf16": " with AVX-512 and bf16",
    "avx512f": " with AVX-512",
    "avx2": " with AVX2",
}


def describe_processor() -> str:
    """The model of the processor, such as "AMD EPYC 7763 64-Core Processor": other models may round otherwise."""
    return _processor_line("model name") or platform.processor() or platform.machine()


def _processor_flags() -> frozenset[str]:
    return frozenset(_processor_line("flags").split())


def _processor_line(key: str) -> str:
    """The value of a key that Linux states of the first processor, or nothing."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
