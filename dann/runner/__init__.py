"""Many runs: planning, workers, execution, progress, logs, and the record of a finished run."""
