"""Architectures, pretrained backbones, their heads, and fine-tuning options."""
