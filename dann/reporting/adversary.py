"""What records say of the discriminator and of its hold on the features. Imports no torch."""

from statistics import fmean

from dann.evaluation.rules import Evaluation
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.runner.records import Record

LAST_SHARE = 0.1  # of training, over which the final domain loss is averaged: that of one batch is noisy


def has_discriminator(record: Record) -> bool:
    """Whether a run's discriminator was scored: the method has one, and its features reach it."""
    return "discriminator_source" in record.evaluations[-1]


def scheduled_lambda(record: Record, step: int) -> float | None:
    """λ in a step, the first being 1, from the run's configuration; None where the method has no schedule of λ.

    That is so of methods without λ, and of an adaptive λ, which follows gradients and is in the run's metrics.jsonl
    and TensorBoard events alone.
    """
    method, progress = record.config["method"], (step - 1) / record.config["train"]["steps"]
    schedule = LAMBDA_SCHEDULES.get(method.get("schedule", ""))
    if schedule is None:
        return None
    if "pretrain" in method:  # DIRT-T, whose second stage has no discriminator
        return float(method["weight"] * schedule(progress / method["pretrain"]) if progress < method["pretrain"] else 0)
    return float(method["weight"] * schedule(min(1.0, progress / method.get("horizon", 1.0))))


def final_domain_loss(record: Record) -> float | None:
    """The mean of the domain loss at the steps of the last tenth of training that were recorded; None without any."""
    steps, values = record.losses["step"], record.losses.get("domain", [])
    begin = (1 - LAST_SHARE) * max((step for step in steps if step is not None), default=0)
    last = [value for step, value in zip(steps, values, strict=False)
            if step is not None and value is not None and step > begin]  # fmt: skip
    return fmean(last) if last else None


def final_measurements(record: Record) -> dict[str, float]:
    """Of the discriminator after the last step, those that were recorded.

    Returns:
        ``domain_loss``, see ``final_domain_loss``; ``discriminator_source`` and ``discriminator_target``, its accuracy
        on either domain, as shares of 1; ``lambda``, of the last step; ``gradient_ratio``, of the norms of the
        gradients at the features, that of all terms but the label loss over that of the label loss.
    """
    last: Evaluation = record.evaluations[-1]
    measured = {"domain_loss": final_domain_loss(record), "lambda": scheduled_lambda(record, int(last["step"]))}
    measured |= {key: last.get(key) for key in ("discriminator_source", "discriminator_target", "gradient_ratio")}
    return {key: value for key, value in measured.items() if value is not None}
