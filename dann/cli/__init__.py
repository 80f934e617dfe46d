"""The command line: arguments, commands, and what the terminal shows."""
