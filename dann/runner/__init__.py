"""Many runs: launch, worker processes, execution, progress, logs, and the records of finished runs."""
