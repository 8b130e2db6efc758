"""`python -m tests.deploy.standin -chdir=infra/deploy validate`: Terraform, with the stand-in as its providers."""

import os
import subprocess
import sys
from pathlib import Path

from tests.deploy.running import BUILD, kinds_in
from tests.deploy.standin.provider import serve


def main() -> int:
    """Run Terraform with the arguments, and return its exit code."""
    given = [word.removeprefix("-chdir=") for word in sys.argv[1:] if word.startswith("-chdir=")]
    with serve(kinds_in(Path(given[0] if given else ".")), BUILD) as environment:
        return subprocess.run(["terraform", *sys.argv[1:]], env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
