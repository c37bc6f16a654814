"""The kill switch under load: 100,000 resting orders of one account, then those of everybody.

One process runs the sequencer (compiled engine where there is one) on a PostgreSQL as durable as
in production, while another account places and cancels orders. `cancelled_ms`: from the request
until no order of the scope is in any book, so that none can trade any more; `durable_ms`: until
that is committed and answered, all rows of `orders` included. `not_...`: of the orders there
were, or were tried after it, and tried again after a restart. `others_wait_max_ms`: of an order of
another account meanwhile.
"""

import contextlib
import json
import os
import subprocess
import sys

from launcher.compiled import ROOT, CompileError, compiled_folder


def run() -> dict[str, float | int | str]:
    """Figures by name."""
    path = [str(ROOT)]
    with contextlib.suppress(CompileError):
        path.insert(0, str(compiled_folder()))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._kill_switch_worker"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))
