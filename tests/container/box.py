"""Runs the image as a container host does: its file system read-only, /tmp in memory, its own user, no environment.

`buildah run` can't make a file system read-only. So the image is mounted, and a mount namespace holds the rest.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

IMAGE = os.environ.get("IMAGE", "localhost/reelbus")
_ENTER = """
set -e
mount --make-rprivate / && mount --bind "$1" "$1"
for each in proc dev; do mount --rbind /$each "$1/$each"; done
mount -t tmpfs -o size=256m,mode=1777 tmp "$1/tmp" && mount --bind "$2" "$1/data"
mount --bind /etc/resolv.conf "$1/etc/resolv.conf" 2>/dev/null || :
mount -o remount,ro,bind "$1"
root=$1 && shift 2
exec setpriv --no-new-privs chroot --userspec=10001:10001 --groups=10001 "$root" "$@"
"""


def buildah(*arguments: str) -> str:
    """What buildah says."""
    return subprocess.check_output([*_buildah_here(), *arguments], text=True).strip()


@cache
def _buildah_here() -> tuple[str, ...]:
    """Return buildah with the store that scripts/image takes."""
    works = subprocess.run(["buildah", "info"], capture_output=True, check=False).returncode == 0
    driver = os.environ.get("STORAGE_DRIVER") or ("" if works else "vfs")
    return ("buildah", "--storage-driver", driver) if driver else ("buildah",)


@dataclass(frozen=True, kw_only=True)
class Box:
    """The image as a folder, and what it says of itself."""

    root: Path
    data: Path
    environment: dict[str, str]
    entrypoint: list[str]
    user: str

    def command(self, *arguments: str, **variables: str) -> list[str]:
        """The command line that runs a program inside, with the image's environment and no other."""
        values = [f"{name}={value}" for name, value in {**self.environment, **variables}.items()]
        enter = ["unshare", "--mount", "sh", "-c", _ENTER, "box", str(self.root), str(self.data)]
        return [*enter, "/usr/bin/env", "-i", *values, *arguments]

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[bytes]":
        """Start the image's program with these arguments."""
        return subprocess.Popen(self.command(*self.entrypoint, *arguments, **variables), stderr=subprocess.PIPE)

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a program inside to its end."""
        return subprocess.run(
            self.command(*arguments, **variables), capture_output=True, text=True, timeout=300, check=False
        )


@contextmanager
def open_box(data: Path) -> Iterator[Box]:
    """Mount the image for as long as the context lasts. `data` becomes its volume."""
    container = buildah("from", "--pull-never", IMAGE)
    try:
        config = json.loads(buildah("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
        os.chown(data, 10001, 10001)
        yield Box(
            root=Path(buildah("mount", container)),
            data=data,
            environment=dict(pair.split("=", 1) for pair in config["Env"]),
            entrypoint=config["Entrypoint"],
            user=config["User"],
        )
    finally:
        buildah("rm", container)
