"""The history of a training in memory, and its figure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dann.evaluation.rules import Evaluation
from dann.runner.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class _Curves:
    """Losses and evaluations as a record has them."""

    losses: dict[str, list[float | None]]
    evaluations: list[Evaluation]


class TrainingHistory(History):
    """What a training in memory has logged; ``losses()``, ``evaluations()`` and ``alarms()`` are those of a record."""

    def plot(self, name: str = "training") -> "Figure":
        """Label loss, accuracies and, for adversaries, domain loss and discriminator accuracy over the steps.

        Args:
            name: of the line, for the legend.
        """
        from dann.reporting.figures.curves import draw_curves  # matplotlib takes a second

        return draw_curves({name: [_Curves(self.losses(), self.evaluations())]})
