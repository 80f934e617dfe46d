"""The cluster that ``dann run --on`` names."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from dann.config.experiment import Experiment
from dann.runner.planning import Cluster
from dann.runner.trackers import TRACKERS


@contextmanager
def connect_cluster(experiment: Experiment, options: argparse.Namespace) -> Iterator[Cluster]:
    """The cluster for a while; its workers have the experiment's resources and the device and tracker of the options.

    Raises:
        BadInput: it cannot be reached, or a library is not installed.
    """
    log_to = options.log_to if options.log_to in TRACKERS else None
    arguments = experiment.resources, options.device, log_to, options.jobs
    if options.on == "slurm":
        from dann.runner.cluster.slurm_jobs import SlurmCluster

        yield SlurmCluster(*arguments)
        return
    from dann.runner.cluster.ray_cluster import connect

    with connect(*arguments) as cluster:
        yield cluster
