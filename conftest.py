"""Lets the tests find one another, and the benchmarks, behind what is installed.

In an unpacked source distribution plantnas itself is tested as it was installed.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent

sys.path[:] = [*(each for each in sys.path if Path(each).resolve() != ROOT), str(ROOT)]
