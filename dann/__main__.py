"""``python -m dann``, as ``torchrun -m dann`` calls it."""

import sys

from dann.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
