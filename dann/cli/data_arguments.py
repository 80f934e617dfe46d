"""The arguments of the commands that take data of one's own and say what to run: init, recommend and rank."""

from pathlib import Path

from dann.cli.argument_values import read_count, read_examples, read_minutes, read_seeds
from dann.cli.shared_arguments import FORMATS, Command, add_device, set_completer

EXAMPLES = 1000  # of each domain at most, on which distances, shares and scores are measured


def add_init(command: Command) -> None:
    init = command("init", "Write a commented experiment file for a source and a target of your own.")
    data = "a folder of images, .csv or .txt of paths or texts, .npz, .npy, .pt, .mat or .svm"
    init.add_argument("--source", required=True, metavar="PATH", help=f"labelled: {data}")
    init.add_argument("--target", required=True, metavar="PATH", help="adapted to; its labels serve only to test")
    for side in ("source", "target"):
        init.add_argument(f"--{side}-labels", metavar="FILE", help=f"labels of the {side}, if it is a .npy or .pt file")
    init.add_argument(
        "--set", action="append", default=[], metavar="a=b", help="an option of both data sets, such as layout=nlc"
    )
    init.add_argument(
        "--out", type=Path, default=Path("experiment.yaml"), metavar="FILE", help="default: experiment.yaml"
    )


def add_recommend(command: Command) -> None:
    recommend = command("recommend", "Report what two domains are like and, after a pilot, which methods to run next.")
    recommend.epilog = (
        "Without --oracle no target label is read. Each recommendation names the results that it rests on."
    )
    recommend.add_argument("file", type=Path, nargs="?", metavar="FILE", help="an experiment file, or:")
    recommend.add_argument("--source", metavar="PATH", help="labelled, as for dann init")
    recommend.add_argument("--target", metavar="PATH", help="adapted to; needs no labels")
    for side in ("source", "target"):
        recommend.add_argument(f"--{side}-labels", metavar="FILE", help=f"labels of the {side}, if it is a .npy file")
    set_completer(
        recommend.add_argument("--task", metavar="NAME", help="one of the file's tasks (default: the first)"),
        "complete_tasks",
    )
    recommend.add_argument(
        "--set", action="append", default=[], metavar="a=b", help="as for dann init, or a.b=c for FILE"
    )
    budget = recommend.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes", type=read_minutes, default=3.0, metavar="M", help="budget of the pilot's training (default: 3)"
    )
    budget.add_argument(
        "--steps", type=read_count, metavar="N", help="steps of each run of the pilot, in place of minutes"
    )
    recommend.add_argument(
        "--seeds", type=read_seeds, default=[0, 1, 2], metavar="0,1", help="of the pilot (default: 0,1,2)"
    )
    recommend.add_argument(
        "--examples", type=read_examples, default=EXAMPLES, metavar="N",
        help=f"measure distances and class shares on at most so many examples of each domain (default: {EXAMPLES})",
    )  # fmt: skip
    recommend.add_argument(
        "--oracle", action="store_true", help="show the pilot's accuracies by the target's labels, which choose nothing"
    )
    recommend.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page too")
    recommend.add_argument("--write", type=Path, metavar="FILE", help="write the recommended experiment file")
    add_device(recommend)


def add_rank(command: Command) -> None:
    rank = command("rank", "Order the sources and pretrained networks of an experiment file, without training.")
    rank.epilog = "Scores: LogME, LEEP and H-score of the labelled source, and the proxy A-distance to the target."
    rank.add_argument("file", type=Path, metavar="FILE", help="its tasks and variants name the sources and networks")
    rank.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override a value in every row")
    rank.add_argument(
        "--examples", type=read_examples, default=EXAMPLES, metavar="N",
        help=f"score at most so many examples of each domain (default: {EXAMPLES})",
    )  # fmt: skip
    rank.add_argument("--format", choices=FORMATS, default="md")
    add_device(rank)
