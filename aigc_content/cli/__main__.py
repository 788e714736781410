"""``python -m aigc_content.cli``."""

import sys

from aigc_content.cli import main

if __name__ == "__main__":
    sys.exit(main())
