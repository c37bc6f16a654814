"""`python -m simulators`: live traffic for `curb up`, scenarios, and one gate by hand."""

import sys

from simulators.cli import main

sys.exit(main())
