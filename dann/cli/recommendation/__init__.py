"""``dann recommend``: what two domains hold, how far apart they are, a pilot, and what to run next."""
