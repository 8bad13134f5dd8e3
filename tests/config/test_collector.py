"""Long-lived processes are not looked through again and again by the collector."""

import subprocess
import sys

_SCRIPT = """
import gc
from config import collector
kept = [[n] for n in range(1000)]
collector.settle()
assert gc.get_freeze_count() > 1000
assert gc.get_threshold()[0] == collector.YOUNG
class Knot: pass
for _ in range(3 * collector.YOUNG):
    knot = Knot()
    knot.me = knot
assert len([one for one in gc.get_objects() if type(one) is Knot]) < 2 * collector.YOUNG
"""


def test_what_is_loaded_is_frozen_and_circles_are_still_collected() -> None:
    subprocess.run([sys.executable, "-c", _SCRIPT], check=True, timeout=60)
