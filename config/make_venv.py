"""Make or update .venv with the standard library alone: `python3.11 config/make_venv.py requirements.txt`.

Debian's python3.11 comes without pip and without ensurepip. There pip's own wheel is fetched from the package index.

Python looks for every module in this folder first: no module beside this one may bear a name of the standard library.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIP = "26.0.1"
WITHOUT_DEPENDENCIES = "requirements-no-deps.txt"
# The environment takes 6 GB, mostly torch's GPU libraries; on the way pip holds their wheels, 3 GB, and its cache.
NEEDED_BYTES = 14_000_000_000
LOG = VENV / "pip.log"
CURE = "Check the network and the free space, or set PIP_INDEX_URL to a mirror, then run the same command again."


def main(*files: str) -> None:
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        sys.exit(
            f"lamplight: Python 3.11 or 3.12 is needed, this is {sys.version.split()[0]}: make PYTHON=python3.11 ..."
        )
    if not (VENV / "bin" / "pip").exists():  # Nothing yet, or what an interrupted run left.
        free = shutil.disk_usage(ROOT).free
        if free < NEEDED_BYTES:
            sys.exit(
                f"lamplight: {free / 1e9:.0f} GB are free at {ROOT}, {NEEDED_BYTES / 1e9:.0f} are needed: free some"
            )
        print("Making .venv ...", flush=True)
        has_pip = importlib.util.find_spec("ensurepip") is not None
        venv.create(VENV, clear=True, with_pip=has_pip)
        if not has_pip:
            install_pip()
    for file in files:
        install(file)


def install(requirements: str) -> None:
    """Install a file of requirements, or of packages without theirs."""
    print(f"Installing {requirements} (the first time some minutes; to watch: tail -f {LOG}) ...", flush=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--requirement", requirements]
    pip += ["--no-deps"] if requirements == WITHOUT_DEPENDENCIES else []
    with LOG.open("w") as log:
        if subprocess.run(pip, cwd=ROOT, stdout=log, stderr=log).returncode == 0:
            return
    errors = [line for line in LOG.read_text(errors="replace").splitlines() if "ERROR" in line or "error" in line]
    reason = errors[-1].strip() if errors else "no reason given"
    sys.exit(f"lamplight: pip could not install {requirements}: {reason} (see {LOG}). {CURE}")


def install_pip() -> None:
    """Install pip into the environment from its wheel, if the wheel's hash is the one that the index names."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    try:
        with urllib.request.urlopen(index, timeout=30) as page:
            found = re.search(
                rf'href="([^"]*/pip-{re.escape(PIP)}-py3-none-any\.whl)#sha256=(\w+)', page.read().decode()
            )
        if found is None:
            sys.exit(f"lamplight: the package index at {index} has no pip {PIP}: sudo apt install python3.11-venv")
        with urllib.request.urlopen(urllib.parse.urljoin(index, found[1]), timeout=60) as answer:
            wheel = answer.read()
    except OSError as error:
        sys.exit(f"lamplight: no answer from {index} ({error}; a certificate: apt install ca-certificates). {CURE}")
    if hashlib.sha256(wheel).hexdigest() != found[2]:
        sys.exit("lamplight: pip was damaged on its way: try again")
    file = VENV / f"pip-{PIP}-py3-none-any.whl"
    file.write_bytes(wheel)
    subprocess.run([PYTHON, file / "pip", "install", "--quiet", "--no-index", file], check=True)
    file.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
