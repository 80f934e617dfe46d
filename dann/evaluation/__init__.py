"""Metrics, label-free validators, selection rules, statistics and the proxy A-distance."""
