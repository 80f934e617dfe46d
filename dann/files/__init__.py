"""Files: atomic writing, checks of kind, size and checksum, locks between processes, and paths that users give."""
