import math

import pytest

from dann.optim.schedules import constant, inverse, ramp


def test_ramp_is_the_papers() -> None:
    for progress in (0.0, 0.1, 0.5, 1.0):
        assert ramp(progress) == pytest.approx(2 / (1 + math.exp(-10 * progress)) - 1, rel=1e-15)
    assert ramp(0.0) == 0.0
    # Caffe's and TLlib's schedule gives these after 1000 and 5000 of their 10 000 steps.
    assert ramp(0.1) == pytest.approx(0.4621, abs=5e-5)
    assert ramp(0.5) == pytest.approx(0.9866, abs=5e-5)


def test_inverse_is_the_papers() -> None:
    assert 0.01 * inverse(0.0) == 0.01
    assert 0.01 * inverse(1.0) == pytest.approx(0.01 / 11**0.75, rel=1e-15)
    assert 0.01 * inverse(0.5) == pytest.approx(0.01 / 6**0.75, rel=1e-15)


def test_constant() -> None:
    assert constant(0.0) == constant(1.0) == 1.0
