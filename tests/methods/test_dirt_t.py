"""DIRT-T: VADA at first, then the target alone beside a teacher."""

import numpy as np
import pytest
import torch
from linear_networks import kl, linear_network, logits_of
from method_cases import batch_of
from oracles import softmax
from tiny import MOONS, config_of
from torch import Tensor

from dann.methods.dirt_t import DirtT
from dann.methods.vada import Vada, scale_to_unit_norm
from dann.networks.mlp import mlp
from dann.optim.schedules import ramp
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair


def test_the_first_stage_is_vada() -> None:
    networks = [linear_network(), linear_network()]
    options = {"weight": 0.3, "source_weight": 0.6, "target_weight": 0.7, "entropy_weight": 0.4, "radius": 0.8}
    batch, terms = batch_of((5,), classes=4, count=7, dtype=torch.float64), []
    for method in (Vada(networks[0], **options), DirtT(networks[1], **options)):
        for parameter in method.discriminator.parameters():
            torch.nn.init.constant_(parameter, 0.1)
        torch.manual_seed(0)
        terms.append({name: term.item() for name, term in method.double()(batch, 0.2, method.phases(0.2)[0]).items()})
    assert terms[0] == pytest.approx(terms[1], rel=1e-12) and len(terms[0]) == 5


def test_the_second_stage_against_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    network = linear_network()
    method = DirtT(network, teacher_weight=0.4, target_weight=0.7, entropy_weight=0.2, radius=0.8).double()
    taught = linear_network()
    torch.nn.init.normal_(taught.classifier.weight)
    method.refresh(None, 0.5, DirtT(taught).double())  # type: ignore[arg-type]
    found: list[Tensor] = []
    monkeypatch.setattr(
        "dann.methods.vada.adversarial_perturbation",
        lambda network, x, logits, radius: found.append(radius * scale_to_unit_norm(torch.ones_like(x))) or found[-1],
    )
    batch = batch_of((5,), classes=4, count=7, dtype=torch.float64)
    terms = method(batch, 0.5, *method.phases(0.5))
    teacher, p, q = (
        softmax(logits_of(each, x))
        for each, x in ((taught, batch.target_x), (network, batch.target_x), (network, batch.target_x + found[0]))
    )
    assert {name: term.item() for name, term in terms.items()} == {
        "teacher": pytest.approx(0.4 * kl(teacher, p).mean(), rel=1e-12),
        "target_smoothness": pytest.approx(0.7 * kl(p, q).mean(), rel=1e-12),
        "entropy": pytest.approx(-0.2 * (p * np.log(p)).sum() / 7, rel=1e-12),
    }
    terms["teacher"].backward()
    expected = 0.4 * (p - teacher).T @ batch.target_x.numpy() / 7
    np.testing.assert_allclose(network.classifier.weight.grad.numpy(), expected, rtol=1e-10, atol=1e-13)


def test_the_second_stage_reads_the_target_alone() -> None:
    batch = batch_of((7,), classes=3, dtype=torch.float64)
    method = DirtT(mlp((7,), 3)).double()
    nothing = torch.full_like(batch.source_x, torch.nan)
    terms = method(batch._replace(source_x=nothing), 0.5, *method.phases(0.5))
    assert all(term.isfinite() for term in terms.values())
    sum(terms.values()).backward()
    assert all(parameter.grad is None for parameter in method.discriminator.parameters())
    assert all(parameter.grad is not None for parameter in method.network.parameters())


def test_lambda_rises_over_the_first_stage_and_ends_with_it() -> None:
    method = DirtT(mlp((7,), 3), weight=2.0, schedule="ramp", pretrain=0.4)
    assert method.coefficients(0.2) == {"lambda": 2 * ramp(0.5)} and method.coefficients(0.4) == {"lambda": 0.0}
    assert [stage.start for stage in method.stages] == [0.0, 0.4]
    assert method.milestones == pytest.approx([0.4 + 0.6 * number / 16 for number in range(16)])


def test_the_teacher_is_the_averaged_network_where_there_is_one() -> None:
    config = config_of(MOONS, method={"name": "dirt_t", "refreshes": 2}, train={"ema": 0.9, "steps": 8})
    trainer = build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
    trainer.train()
    for step in range(4):
        trainer.step(step, step / 8)
        trainer.refresh(step / 8, (step + 1) / 8, False)
    assert trainer.average is not None
    weights = [each.features[0].weight for each in (trainer.method.teacher.module, trainer.average.method.network)]
    assert torch.equal(*weights) and not torch.equal(weights[0], trainer.method.network.features[0].weight)
