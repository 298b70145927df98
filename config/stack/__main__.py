"""The whole of Lamplight on one machine: web server, Celery workers and beat, until Ctrl-C.

`python -m config.stack` (make run) starts it on the catalogue in the data folder; `python -m demo` (make demo) starts
the same on the sample catalogue. What dies is started again (config.stack.supervisor).
"""

import argparse
import os

from config.logs.setup import announce
from config.stack.site import run_or_exit, running, welcome


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m config.stack",
        description=__doc__,
        epilog="Example: PORT=8001 LAMPLIGHT_VAR=/srv/shop python -m config.stack",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    with run_or_exit(), running() as stack:
        announce(welcome(stack))
        stack.wait()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
