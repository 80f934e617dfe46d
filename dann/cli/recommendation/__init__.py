"""``dann recommend``: what is in two domains, how far they are apart, a pilot of a few methods, and what to run next."""
