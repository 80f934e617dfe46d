"""Runs on other machines: workers of a Ray cluster, or jobs of Slurm."""
