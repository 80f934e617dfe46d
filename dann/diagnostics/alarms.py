"""Alarms: signs in the log of a run that training goes wrong. Reads no target label; imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np

CHANCE = math.log(2)
WON, LONG = 0.05, 0.2  # nats; the share of training for which the domain loss must stay below
DEAD, BEGUN = 1e-3, 0.25  # nats from ln 2; the share of training by which a discriminator must have moved
FEW, FALLEN = 0.3, 0.5  # shares: of the source's effective classes; of the earlier effective rank
SETTLED = 0.5  # the share of training after which predictions count
SHIFTED = 0.35  # total variation between class shares; 50 % accuracy on balanced classes may already cause 0.3
WORSE = 3.0  # multiple of the label loss of guessing, ln K

Entry = dict[str, Any]


@dataclass(frozen=True)
class Alarm:
    """One alarm: its name, the step after which it was raised, and a sentence with cause and remedy."""

    alarm: str
    step: int
    text: str

    def entry(self) -> Entry:
        return asdict(self)


def find_alarms(entries: Sequence[Entry], prior: Sequence[float], steps: int) -> list[Alarm]:
    """The alarms that the log of a run so far justifies.

    - ``discriminator won``: the domain loss, weighted or not, stayed below 0.05 for a fifth of training: the
      discriminator separates the domains, and what it is to be fooled by, features or generated images, does not change
      that.
    - ``discriminator dead``: the domain loss stayed within 0.001 of ln 2: the discriminator learns nothing. A weighted
      loss has another value at chance; for it the discriminator's confidence stayed within 0.001 of 0.5.
    - ``collapse``: in the second half of training few classes are predicted on the target, or the effective rank of its
      features fell below half of its earlier maximum and of the source's rank.
    - ``divergence``: a loss is not finite, or after a quarter of training the label loss is three times that of
      guessing: ln K of classes, or 1, the variance of standardised numbers.
    - ``label shift``: in the second half the class shares predicted on the target are far from the source's, without a
      collapse.

    Args:
        entries: of metrics.jsonl, in order: logged losses (``loss_label``, ``loss_domain``) and evaluations, whose
            ``shares`` are those of the classes predicted on the target.
        prior: the share of each class among the labelled training examples; empty for numbers, of which no class shares
            are watched.
        steps: of the whole run.
    """
    losses = [entry for entry in entries if "learning_rate" in entry]
    evaluations = [entry for entry in entries if entry.get("evaluation")]
    if (broken := _not_finite(losses)) is not None:
        return [broken]  # later predictions of the network mean nothing
    candidates = [_divergence(losses, len(prior), steps), _won(losses, steps), _dead(losses, evaluations, steps)]
    if evaluations and evaluations[-1]["step"] >= SETTLED * steps and "shares" in evaluations[-1]:
        candidates.append(_collapse(evaluations, prior) or (_label_shift(evaluations[-1], prior) if prior else None))
    return [alarm for alarm in candidates if alarm is not None]


def _not_finite(losses: Sequence[Entry]) -> Alarm | None:
    for entry in losses:
        if name := next((name for name, value in entry.items() if name.startswith("loss_") and value is None), None):
            text = f"the {name.removeprefix('loss_')} loss is not finite: a lower learning rate may help"
            return Alarm("divergence", entry["step"], text)
    return None


def _divergence(losses: Sequence[Entry], classes: int, steps: int) -> Alarm | None:
    recent = [entry["loss_label"] for entry in losses[-max(1, len(losses) // 10) :] if "loss_label" in entry]
    guessing = math.log(max(2, classes)) if classes else 1.0  # the variance of standardised numbers
    if recent and losses[-1]["step"] >= steps / 4 and (loss := fmean(recent)) > WORSE * guessing:
        shown = f"{loss:.1f}" if loss < 1e6 else f"{loss:.1e}"
        text = f"the label loss is {shown}, guessing costs {guessing:.1f}: a lower learning rate may help"
        return Alarm("divergence", losses[-1]["step"], text)
    return None


def _won(losses: Sequence[Entry], steps: int) -> Alarm | None:
    since = None
    for entry in losses:
        domain = entry.get("loss_domain", entry.get("loss_weighted_domain"))
        low = domain is not None and domain < WON
        since = (entry["step"] if since is None else since) if low else None
        if since is not None and entry["step"] - since >= LONG * steps:
            remedy = "try a larger weight against it (λ) or a weaker discriminator"
            text = f"the domain loss has been below {WON} since step {since}: {remedy}"
            return Alarm("discriminator won", entry["step"], text)
    return None


def _dead(losses: Sequence[Entry], evaluations: Sequence[Entry], steps: int) -> Alarm | None:
    domain = [(entry["step"], entry["loss_domain"] - CHANCE) for entry in losses if "loss_domain" in entry]
    if not domain:
        confidences = ("discriminator_source_confidence", "discriminator_target_confidence")
        domain = [(entry["step"], entry[name] - 0.5) for entry in evaluations for name in confidences if name in entry]
    if len(domain) < 3 or domain[-1][0] - domain[0][0] < BEGUN * steps:
        return None
    if max(abs(value) for _, value in domain) > DEAD:
        return None
    text = "the discriminator never left chance: check that it is trained and that the domains differ"
    return Alarm("discriminator dead", domain[-1][0], text)


def _collapse(evaluations: Sequence[Entry], prior: Sequence[float]) -> Alarm | None:
    last = evaluations[-1]
    predicted, expected = _effective(last["shares"]), _effective(prior)  # both 1 for numbers
    if expected > 1 and predicted < 1 + FEW * (expected - 1):
        text = f"predictions on the target cover {predicted:.1f} effective classes, the source has {expected:.1f}"
        return Alarm("collapse", last["step"], text)
    ranks = [entry["features_target_rank"] for entry in evaluations if "features_target_rank" in entry]
    source = last.get("features_source_rank", 0.0)
    if len(ranks) > 1 and ranks[-1] < FALLEN * min(max(ranks[:-1]), source):
        text = f"the effective rank of the target's features fell from {max(ranks[:-1]):.1f} to {ranks[-1]:.1f}"
        return Alarm("collapse", last["step"], f"{text}; the source's is {source:.1f}")
    return None


def _label_shift(last: Entry, prior: Sequence[float]) -> Alarm | None:
    distance = share_distance(last["shares"], prior)
    if distance <= SHIFTED:
        return None
    text = (f"the class shares predicted on the target are {distance:.2f} from the source's (total variation): the "
            "labels have shifted, or the predictions are poor")  # fmt: skip
    return Alarm("label shift", last["step"], text)


def share_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The total variation between two vectors of class shares, in [0, 1]."""
    return float(np.abs(np.array(one) - np.array(other)).sum() / 2)


def _effective(shares: Sequence[float]) -> float:
    """The effective number of classes: exp of the entropy of their shares."""
    positive = np.array([share for share in shares if share > 0])
    return float(np.exp(-(positive * np.log(positive)).sum()))
