"""``python -m meshrun.cli`` is ``meshctl``."""

import sys

from .main import main

sys.exit(main())
