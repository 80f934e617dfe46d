"""The convolutional network over words, against a float64 NumPy computation from the paper's formulas."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny import MOONS

from dann.cli.main import main
from dann.config.compatibility import check_parts
from dann.config.schema import resolve
from dann.errors import BadInput
from dann.networks.all_networks import NETWORKS
from dann.networks.network import Network


def small(length: int = 7, **options: object) -> Network:
    torch.manual_seed(0)
    return NETWORKS["text_cnn"]((length,), 2, words=9, embedding=5, filters=4, **options).double().eval()


def oracle(network: Network, words: list[int]) -> np.ndarray:
    """Kim 2014, equations (2) and (3): c_i = ReLU(w · x_{i:i+h−1} + b), the maximum over i; zeros beyond both ends."""
    state = {name: value.numpy() for name, value in network.features.state_dict().items()}
    vectors = state["0.embedding.weight"][words]
    found = []
    for number, span in enumerate((3, 4, 5)):
        weight, bias = (state[f"0.convolutions.{number}.{part}"] for part in ("weight", "bias"))
        blank = np.zeros((span - 1, vectors.shape[1]))
        padded = np.concatenate([blank, vectors, blank])
        for w, b in zip(weight, bias, strict=True):
            windows = [padded[i : i + span] for i in range(len(words) + span - 1)] if words else []
            found.append(max((max(0.0, float((w.T * window).sum() + b)) for window in windows), default=0.0))
    return np.array(found)


def rows(texts: list[list[int]], length: int) -> torch.Tensor:
    x = torch.full((len(texts), length), -1.0, dtype=torch.float64)
    for row, text in zip(x, texts, strict=True):
        row[: len(text)] = torch.tensor(text)
    return x


TEXTS = [[1, 2, 3, 4, 5, 6, 7], [3, 0, 9], [8], [], [2, 2, 2, 2]]


def test_features_match_their_oracle() -> None:
    network = small()
    with torch.inference_mode():
        features = network.features(rows(TEXTS, 7)).numpy()
    np.testing.assert_allclose(features, [oracle(network, text) for text in TEXTS], rtol=1e-12, atol=1e-14)
    assert network.feature_dim == 12 and network.discriminator_widths == (100,)


def test_features_do_not_depend_on_what_follows_the_end() -> None:
    with torch.inference_mode():
        torch.testing.assert_close(small().features(rows(TEXTS, 7)), small().features(rows(TEXTS, 20)))


def test_embeddings_learn_from_words_alone() -> None:
    network = small()
    network.features(rows([[1, 2], [0]], 7)).sum().backward()
    moved = network.features[0].embedding.weight.grad.abs().sum(1) > 0  # type: ignore[union-attr, index]
    assert moved.tolist() == [True, True, True] + [False] * 7
    assert network.features[0].embedding.weight.abs().max() <= 0.25  # type: ignore[index]


def test_options_change_its_layers() -> None:
    network = small(windows=[2], dropout=0.0, bottleneck=None)
    assert network.feature_dim == 4 and network(rows(TEXTS, 7)).shape == (5, 2)
    with pytest.raises(BadInput, match="text_cnn takes words, not inputs of shape"):
        NETWORKS["text_cnn"]((3, 8, 8), 2)


def test_it_stacks() -> None:
    networks = [small() for _ in range(3)]
    with torch.no_grad():
        for number, each in enumerate(networks):
            for parameter in each.parameters():
                parameter.add_(number)
    parameters, buffers = torch.func.stack_module_state(networks)  # type: ignore[arg-type]
    x = rows(TEXTS, 7).expand(3, -1, -1)
    together = torch.vmap(lambda state, rest, x: torch.func.functional_call(networks[0], (state, rest), (x,)))(
        parameters, buffers, x
    )
    for one, each in zip(together, networks, strict=True):
        torch.testing.assert_close(one, each(x[0]))


BAG, IDS = {"vocabulary": {"size": 9}}, {"vocabulary": {"form": "ids", "size": 9}}
WORDS = {"network": {"name": "text_cnn", "words": 9}}


@pytest.mark.parametrize(
    ("vocabulary", "changes", "says"),
    [
        (IDS, {}, "and network text_cnn need each other"),
        (BAG, WORDS, "and network text_cnn need each other"),
        (IDS, {"network": {"name": "text_cnn"}}, r"network\.words: 5000 embeddings, but data\.vocabulary\.size is 9"),
        (IDS, WORDS | {"method": {"name": "linear_svm"}}, "linear_svm takes inputs as quantities"),
        (IDS, WORDS | {"method": {"name": "vada"}}, "vada perturbs its inputs"),
        (IDS, WORDS | {"diagnose": {"mixval": True}}, "mixval: mixes inputs"),
        (BAG, {"network": {"name": "huggingface", "model": "m"}}, "texts with a tokenizer and network huggingface"),
    ],
)
def test_words_go_with_what_reads_them(vocabulary: dict[str, Any], changes: dict[str, Any], says: str) -> None:
    sides = {"source": {"name": "texts", "path": "a"}, "target": {"name": "texts", "path": "b"}}
    with pytest.raises(BadInput, match=says):
        check_parts(resolve(MOONS | {"data": sides | vocabulary} | changes, "test"))


def test_words_that_are_fitting_are_taken() -> None:
    sides = {"source": {"name": "texts", "path": "a"}, "target": {"name": "texts", "path": "b"}}
    for vocabulary, changes in ((IDS, WORDS), (BAG, {}), (BAG, {"method": {"name": "linear_svm"}})):
        check_parts(resolve(MOONS | {"data": sides | vocabulary} | changes, "test"))


def test_numbers_of_words_are_not_ranked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "text,label\n" + "".join(f"{word} {i},{word}\n" for i in range(20) for word in ("good", "bad"))
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(rows)
    sides = {side: {"name": "texts", "path": str(tmp_path / f"{name}.csv")} for side, name in
             (("source", "a"), ("target", "b"))}  # fmt: skip
    file = tmp_path / "file.yaml"
    content = {"title": "T", "seeds": [0], "base": MOONS | {"data": sides | IDS} | WORDS, "variants": {"DANN": {}}}
    file.write_text(yaml.safe_dump(content))
    assert main(["rank", str(file)]) == 2
    assert "the numbers of words are no features to score" in capsys.readouterr().err
