"""Measurements at evaluations that need no target label, and the alarms that follow from them."""
