"""From an experiment file to validated runs."""
