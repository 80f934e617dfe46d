"""Checks that texts, what they become, and the network that reads them are compatible."""

from dann.config.components import Component
from dann.config.schema import Config
from dann.config.sections import DataSection
from dann.data.pair_preprocessing import RAW
from dann.errors import BadInput


def _texts(data: DataSection) -> list[Component]:
    """The domains of texts: those whose data sets take a tokenizer."""
    return [component for component in (*data.sources, data.target) if "tokenizer" in component.options()]


def _tokenizers(data: DataSection) -> set[str]:
    return {name for component in _texts(data) if (name := component.options()["tokenizer"]) is not None}


def has_token_ids(data: DataSection) -> bool:
    """Whether the inputs are numbers of words or tokens, which are no quantities."""
    return bool(_tokenizers(data)) or (data.vocabulary is not None and data.vocabulary.form == "ids")


def check_texts(data: DataSection) -> None:
    """Raise if texts do not become numbers in one way, or an option treats token ids as quantities."""
    _check_vocabulary(data)
    if has_token_ids(data):
        _check_token_ids(data)


def _check_vocabulary(data: DataSection) -> None:
    """Raise if raw texts have no vocabulary, or a vocabulary has no raw texts."""
    raw = [component for component in _texts(data) if component.options()["tokenizer"] is None]
    if raw and _tokenizers(data):
        raise BadInput("data: one domain has a tokenizer and another has none: give all of them the same, or none")
    if raw and len(raw) < 1 + len(data.sources):
        raise BadInput(f"data: {raw[0].name} holds raw texts, but another domain has none: choose domains of one kind")
    if raw and data.vocabulary is None:
        raise BadInput(f"data: {RAW}")
    for side, degraded in {"source": data.source_degradation, "target": data.target_degradation}.items():
        if raw and degraded is not None and degraded.values:
            raise BadInput(f"data.{side}_degradation.values blanks numbers, but these are texts: leave it out")
    if data.vocabulary is not None and not raw:
        raise BadInput("data.vocabulary: it is for raw texts, but no domain holds any: leave it out")


def check_text_network(config: Config) -> None:
    """Raise if the network, the method or the diagnosis does not take what the texts become."""
    tokenizers, vocabulary, network = _tokenizers(config.data), config.data.vocabulary, config.network
    if bool(tokenizers) != (network.name == "huggingface"):
        raise BadInput(
            "network: texts with a tokenizer and network huggingface need each other: choose both, or neither"
        )
    names = {network.options().get("model"), *tokenizers}
    if tokenizers and len(names) > 1:
        listed = " and ".join(sorted(map(str, names)))
        raise BadInput(f"data: {listed} may have different token ids: give tokenizers and network.model one name")
    ids = vocabulary is not None and vocabulary.form == "ids"
    if ids != (network.name == "text_cnn"):
        raise BadInput(
            "network: texts as words (data.vocabulary.form: ids) and network text_cnn need each other: choose both, or "
            "form: bag and a network for vectors such as mlp"
        )
    if ids and config.method.name == "linear_svm":
        raise BadInput("method: linear_svm takes inputs as quantities, but words are numbered: choose form: bag")
    if vocabulary is not None and ids and (size := vocabulary.size) != (words := network.options()["words"]):
        raise BadInput(f"network.words: {words} embeddings, but data.vocabulary.size is {size}: set both to one number")
    if has_token_ids(config.data) and config.diagnose.mixval:
        raise BadInput("diagnose.mixval: mixes inputs, which token ids do not allow: leave it out")
    if has_token_ids(config.data) and (perturbs := config.method.name) in {"vada", "dirt_t"}:
        raise BadInput(f"method: {perturbs} perturbs its inputs, which token ids do not allow: choose another")


def _check_token_ids(data: DataSection) -> None:
    """Raise if an option treats token ids as quantities."""
    names = ("transform", "target_transform", "target_view")
    views = {name: options for name in names if (options := getattr(data, name)) is not None}
    numeric = [f"{name}.normalise: {options.normalise}" for name, options in views.items()
               if options.normalise not in ("mean", "none")]  # fmt: skip
    numeric += [f"{name}.{change}" for name, options in views.items() for change in ("mask", "noise", "intensity")
                if getattr(options, change)]  # fmt: skip
    numeric += ["terms"] if data.terms is not None else []
    numeric += ["msda"] if data.msda is not None else []
    numeric += ["resample: smote"] if data.resample == "smote" else []
    degraded = {"source": data.source_degradation, "target": data.target_degradation}
    numeric += [f"{side}_degradation.values" for side, options in degraded.items() if options and options.values]
    if numeric:
        raise BadInput(f"data.{numeric[0]} is for quantities, but these texts are token ids: leave it out")
