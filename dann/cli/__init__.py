"""The command line: what it parses, runs and shows."""
