"""Where the command `plantnas` begins, before anything is imported. What it does is in cli/."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """The command `plantnas`, which Ctrl-C ends with a line while its modules are imported too."""
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if hears:
        signal.signal(signal.SIGINT, _end)
    from plantnas.cli import main as command

    if hears:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command()


def _end(number: int, interrupted: FrameType | None) -> None:
    # Nothing is begun that would have to be ended. An exception might come out as another one, or
    # be lost: modules catch what their own imports raise.
    if sys.stderr is not None:
        sys.stderr.write("plantnas: interrupted.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
