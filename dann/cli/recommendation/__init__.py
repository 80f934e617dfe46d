"""The report of ``dann recommend``: what two domains hold, how far apart they are, a pilot, what to run next."""
