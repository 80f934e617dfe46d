"""Every data set is documented."""

import inspect
import re


def test_every_data_set_is_documented() -> None:
    from dann.data.datasets.all_datasets import DOMAINS

    own = {"folder", "csv", "arrays", "svmlight", "table", "series", "texts"}
    for name, function in DOMAINS.items():
        text = " ".join((function.__doc__ or "").split())
        said = {"values": r"[Vv]alues|float32", "shape": r"×|`\(N"}
        said |= {} if name in own else {"licence": r"[Ll]icence", "citation": r"(19|20)\d\d"}
        for what, pattern in said.items():
            assert re.search(pattern, text), f"{name} says nothing of its {what}"
        for option in inspect.signature(function).parameters:
            assert option in text, f"{name} says nothing of its option {option}"
