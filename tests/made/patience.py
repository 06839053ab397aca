"""How long tests wait: for what must come, long; where they say how soon, as much longer as the machine is busy."""

import os
from pathlib import Path

PATIENCE_SECONDS = 300
"""For what comes in moments, on a machine that has much else to do."""


def busyness() -> float:
    """How many processes there are for each processor, now or in the last minute; at least 1."""
    average, _, _, running, _ = Path("/proc/loadavg").read_text(encoding="ascii").split()
    return max(1.0, max(float(average), float(running.partition("/")[0])) / (os.cpu_count() or 1))
