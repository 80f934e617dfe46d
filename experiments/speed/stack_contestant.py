"""A stack of replicas, or one separate run, as a contestant that trains on request.

    python experiments/speed/stack_contestant.py CONFIGS SEEDS THREADS DEVICE WAY

CONFIGS is a JSON list; WAY is stack or separate. The replicas are all configurations with all seeds 0 to SEEDS − 1;
the separate run is the first of them. Prints "ready {…}", which states whether dann.training.stacking.stackable
would stack them. Then, for every line N on standard input, it prints the seconds that N steps take.
"""

import json
import sys
import time
from pathlib import Path

import torch

from dann.config.experiment_run import Run
from dann.config.schema import resolve
from dann.data.pair import Pair
from dann.errors import BadInput
from dann.training.building import build_trainer
from dann.training.device import choose_device, keep_memory
from dann.training.loop import Learner
from dann.training.pair_loading import load_pair
from dann.training.stacking.grouping import Planned, differing_numbers, optimizer_key
from dann.training.stacking.stack import Stack
from dann.training.stacking.stackable import is_faster
from dann.training.trainer import Trainer


def stack_of(planned: list[Planned], pair: Pair, first: Trainer) -> Stack:
    trainers = [build_trainer(each.config, pair, each.run.seed, first.device, first) for each in planned]
    configs = [each.config for each in planned]
    return Stack(trainers, differing_numbers(configs), [optimizer_key(config) for config in configs])


def serve(learner: Learner, device: torch.device) -> None:
    learner.train()
    done = 0
    for line in sys.stdin:
        began = time.perf_counter()
        for step in range(done, done + int(line)):
            learner.step(step, 0.5)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        print(time.perf_counter() - began, flush=True)
        done += int(line)


def main() -> None:
    texts, seeds, threads, name, way = sys.argv[1:]
    torch.set_num_threads(int(threads))
    keep_memory()
    try:
        configs, device = [resolve(entry, "bench") for entry in json.loads(texts)], choose_device(name)
        pair = load_pair(configs[0].data)
        first = build_trainer(configs[0], pair, 0, device)
        planned = [Planned(Run(None, "DANN", seed, {}), config, Path())
                   for seed in range(int(seeds)) for config in configs]  # fmt: skip
        learner = first if way == "separate" else stack_of(planned, pair, first)
    except BadInput as error:
        print(json.dumps({"broken": str(error)}), flush=True)
        sys.exit(3)
    print(
        "ready",
        json.dumps({"replicas": len(planned), "pays": is_faster([each.config for each in planned], first)}),
        flush=True,
    )
    serve(learner, device)


if __name__ == "__main__":
    main()
