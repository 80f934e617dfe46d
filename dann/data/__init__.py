"""Domains, the pairs made of them, and the stateless stream of batches."""
