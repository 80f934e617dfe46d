"""Architectures, pretrained backbones and their heads, and what of a backbone is fine-tuned."""
