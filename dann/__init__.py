"""Domain-adversarial training of neural networks and its baselines, compared on equal terms.

The package imports nothing by itself, so that ``dann --help`` and ``dann table`` never wait for torch.
"""

__version__ = "0.1.0"
