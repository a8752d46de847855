"""`python -m whatchanged` is the command `whatchanged`."""

import sys

from whatchanged.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
