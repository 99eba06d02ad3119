"""The benchmark that counts what grew at another revision."""

import subprocess
import sys
from pathlib import Path


def test_an_earlier_plantnas_can_run_it_to_count():
    # It has the analysis, and nothing of what makes a study today.
    code = (
        "import sys; import benchmarks.growing; "
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('plantnas.')}; "
        "assert rooms.isdisjoint({'searching', 'trials', 'workers', 'records'}), rooms"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
