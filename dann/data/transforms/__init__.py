"""Transforms of whole batches on their device; each example has its own random draw."""
