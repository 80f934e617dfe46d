"""Normal draws in either memory layout."""

import pytest
import torch

from dann.functional.normal_draws import normal_like


@pytest.mark.parametrize("shape", [(50, 7), (20, 3, 16, 12), (20, 1, 16, 12), (20, 5, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_draws_are_standard_normal_and_lie_as_x_does(
    shape: tuple[int, ...], dtype: torch.dtype, channels_last: bool
) -> None:
    x = torch.zeros(shape, dtype=dtype)
    if channels_last and len(shape) == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    torch.manual_seed(0)
    drawn, again = normal_like(x), normal_like(x)
    assert drawn.shape == x.shape and drawn.dtype is dtype and drawn.device == x.device
    assert all(drawn.is_contiguous(memory_format=each) for each in layouts(x))
    assert abs(drawn.double().mean()) < 4 / drawn.numel() ** 0.5 and not torch.equal(drawn, again)
    assert drawn.double().var().item() == pytest.approx(1, abs=6 / drawn.numel() ** 0.5)


def layouts(x: torch.Tensor) -> list[torch.memory_format]:
    formats = [torch.contiguous_format, *([torch.channels_last] if x.dim() == 4 else [])]
    return [each for each in formats if x.is_contiguous(memory_format=each)]


def test_contiguous_draws_are_those_of_torch() -> None:
    x, draws = torch.zeros(40, 6), []
    for draw in (normal_like, torch.randn_like):
        torch.manual_seed(0)
        draws.append(draw(x))
    assert torch.equal(*draws)
