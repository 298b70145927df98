"""Which of the shop's processes this is, as its lines say."""

import sys
from functools import cache
from pathlib import PurePath


@cache
def process_name() -> str:
    """web, stack, beat, worker, maintenance, fetching, captions; `manage.py index`; else the program's own name."""
    return named(sys.orig_argv[1:])


def named(words: list[str]) -> str:
    """The name by a command line. Children of a worker have their parent's."""
    programs = [PurePath(word).name for word in words]
    if "celery" in programs:
        queues = words[words.index("-Q") + 1 :][:1] if "-Q" in words else []
        return "beat" if "beat" in words else (queues or ["worker"])[0]
    if "manage.py" in programs:
        return " ".join(programs[programs.index("manage.py") :][:2])
    if "-m" in words:
        return words[words.index("-m") + 1 :][0].removeprefix("config.")
    return next((name for name in programs if name.endswith(".py")), "python")
