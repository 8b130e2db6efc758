"""The video store in a folder, and the secret that all processes on that folder share.

A file gets its name in one step, when it is complete, and only if the name is free.

A worker's scratch folder is usually on the same file system. Then its files and the stored ones are hard links to the
same content, which nothing writes to any more: each side deletes its own name. Elsewhere they are copies.
"""

import asyncio
import errno
import filecmp
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from infra.embedded.data_folder import flush_folder, make_folder, mode_in
from schemas.domain.object_names import is_safe
from schemas.errors import Invalid, NotFound, Unavailable, unavailable_of
from schemas.ports import StoredFile

_INCOMING = ".incoming"
"""The folder in which files are written before they get their names. No safe name begins with a dot."""
_FOLDER_MODE = 0o777
"""Less the process's umask: a web server may serve the folder."""
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})
"""Errors after which a copy may succeed: another file system, another owner, too many links, no links at all."""
_FLUSHED_AT_MOST = 10_000
"""Folders whose flushed names a process remembers: a few for each job."""
_STALE_AFTER_S = 24 * 3600
_SECRET_NAME = ".link-secret"
"""No safe name of a file begins with a dot: the secret is never served."""
_SECRET_BYTES = 32


class FolderVideos:
    """`VideoStore` in a folder that a facade serves under `base_url`.

    Files below `scratch` may become links to stored files and the other way round: a file there is never written to
    once it is put or fetched, only deleted or replaced by another file of its name.
    """

    def __init__(self, root: Path, base_url: str, scratch: Path | None = None) -> None:
        """Make the folder if absent. Blocks: `open` does it in a thread."""
        self._base_url = base_url.rstrip("/")
        self._scratch = scratch
        self._flushed: set[Path] = set()
        """Folders whose names this process has flushed, and those of their parents."""
        with _translate_errors():
            make_folder(root)
            self._root = root.resolve()
            self._incoming = self._root / _INCOMING
            self._incoming.mkdir(exist_ok=True)
            _sweep(self._incoming)

    @classmethod
    async def open(cls, root: Path, base_url: str, scratch: Path | None = None) -> "FolderVideos":
        """Raises `Unavailable` if the folder can't be made."""
        return await asyncio.to_thread(cls, root, base_url, scratch)

    @property
    def reads(self) -> frozenset[str]:
        return frozenset()

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        del content_type  # a folder derives it from the name's extension
        return await asyncio.to_thread(self._put, name, source)

    async def fetch(self, name: str, to: Path) -> None:
        await asyncio.to_thread(self._fetch, name, to)

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        return await asyncio.to_thread(self._list, prefix)

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self._delete, name)

    async def url_for(self, name: str) -> str:
        if not is_safe(name):
            raise _unsafe(name)
        return f"{self._base_url}/videos/{quote(name)}"

    def _put(self, name: str, source: Path | bytes) -> bool:
        target = self._path(name)
        incoming = self._incoming / secrets.token_hex(16)
        with _translate_errors():
            if target.exists():
                self._make_folder(target.parent)  # the process that stored it may not have flushed its names yet
                flush_folder(target.parent)
                return False
            if isinstance(source, Path) and self._may_link(source):
                with _copy_instead():
                    _flush_file(source, mode_in(self._root))
                    return self._give_name(source, target)
            try:
                _write(incoming, source, mode_in(self._root))
                is_same = (
                    incoming.read_bytes() == source
                    if isinstance(source, bytes)
                    else filecmp.cmp(incoming, source, shallow=False)
                )
                if not is_same:
                    raise Unavailable("a file was damaged on its way to the video folder, and is not kept")
                return self._give_name(incoming, target)
            finally:
                incoming.unlink(missing_ok=True)

    def _give_name(self, source: Path, target: Path) -> bool:
        """Give a flushed file its name, unless that is taken. Raises `Invalid` if a part of the name is a file."""
        try:
            self._make_folder(target.parent)
        except (FileExistsError, NotADirectoryError) as error:
            raise Invalid(
                f"{target.name} can't be stored: a part of its name is a file and not a folder", field="name"
            ) from error
        return _link(source, target)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and its parents if absent. Their names survive a power cut, whichever process made them."""
        is_there = folder.is_dir()
        if folder == self._root or (is_there and folder in self._flushed):
            return
        self._make_folder(folder.parent)
        if not is_there:
            folder.mkdir(_FOLDER_MODE, exist_ok=True)
        flush_folder(folder.parent)
        if len(self._flushed) >= _FLUSHED_AT_MOST:
            self._flushed.clear()
        self._flushed.add(folder)

    def _fetch(self, name: str, to: Path) -> None:
        source = self._path(name)
        with _translate_errors():
            if not source.is_file():
                raise NotFound(f"there is no file {name}")
            if self._may_link(to):
                to.unlink(missing_ok=True)  # a copy into a linked file would change the stored one
                with _copy_instead():
                    os.link(source, to)
                    return
            shutil.copyfile(source, to)

    def _list(self, prefix: str) -> Sequence[StoredFile]:
        if not is_safe(f"{prefix}x"):
            raise _unsafe(prefix)
        folder = self._path(f"{prefix}x").parent
        with _translate_errors():
            found = [_to_stored_file(path, self._root) for path in _files(folder)]
        return sorted((file for file in found if file and file.name.startswith(prefix)), key=lambda file: file.name)

    def _delete(self, name: str) -> None:
        path = self._path(name)
        with _translate_errors(), suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()
            flush_folder(path.parent)

    def _may_link(self, local: Path) -> bool:
        """Return True for a scratch file. A link ignores a group that the store's folder gives to its new files."""
        is_scratch = self._scratch is not None and local.is_relative_to(self._scratch)
        return is_scratch and not self._root.stat().st_mode & stat.S_ISGID

    def _path(self, name: str) -> Path:
        """Return the path of a name. It is always inside the root, even if the folder holds links."""
        if not is_safe(name):
            raise _unsafe(name)
        path = self._root / name
        if os.path.realpath(path) != str(path):
            raise _unsafe(name)
        return path


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unavailable_of("the video folder", error) from error


@contextmanager
def _copy_instead() -> Iterator[None]:
    """Leave the block silently if the file can't be linked."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise


def _unsafe(name: str) -> Invalid:
    return Invalid(f"{name[:200]!r} is not a valid name of a file in the video store", field="name")


def _write(path: Path, source: Path | bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        if isinstance(source, bytes):
            file.write(source)
        else:
            with source.open("rb") as original:
                shutil.copyfileobj(original, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _flush_file(path: Path, mode: int) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if stat.S_IMODE(os.fstat(handle).st_mode) != mode:
            os.fchmod(handle, mode)
        os.fsync(handle)
    finally:
        os.close(handle)


def _link(source: Path, target: Path) -> bool:
    """Return True if the file got the name. A hard link, unlike a rename, never replaces a file."""
    try:
        os.link(source, target)
        is_new = True
    except FileExistsError:
        is_new = False
    flush_folder(target.parent)  # also a name that another process gave: its own flush may come later
    return is_new


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if is_safe(name)]
        yield from (Path(parent, name) for name in names if is_safe(name))


def _to_stored_file(path: Path, root: Path) -> StoredFile | None:
    if path.is_symlink():
        return None
    try:
        status = path.stat()
    except FileNotFoundError:  # deleted since it was listed
        return None
    stored_at = datetime.fromtimestamp(status.st_mtime, UTC)
    return StoredFile(name=path.relative_to(root).as_posix(), size_bytes=status.st_size, stored_at=stored_at)


def _sweep(incoming: Path) -> None:
    """Delete half-written files of killed processes: no process writes one file for a day."""
    for path in incoming.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - _STALE_AFTER_S:
                path.unlink()


def read_or_create_secret(folder: Path, name: str = _SECRET_NAME) -> bytes:
    """Return the secret of this folder; the first process makes it. Blocks. Raises `Unavailable`."""
    path, own = folder / name, folder / f"{name}.{secrets.token_hex(8)}"
    try:
        make_folder(folder)
        if not path.exists():
            with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first: its secret counts
                os.link(own, path)
            flush_folder(folder)
        return path.read_bytes()
    except OSError as error:
        raise unavailable_of("the secret of the data folder", error) from error
    finally:
        own.unlink(missing_ok=True)
