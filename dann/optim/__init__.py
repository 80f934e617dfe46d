"""Optimisers, and the schedules of λ and of the learning rate as functions of progress in [0, 1]."""
