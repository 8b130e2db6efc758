"""Reads the addresses of Google's services. Imports nothing of Google's: a wrong address is told before that."""

from urllib.parse import SplitResult

from schemas.errors import Invalid

DEFAULT_DATABASE = "(default)"


def project_in(url: SplitResult) -> str:
    """Of `pubsub://project`. Raises `Invalid`."""
    return _names(url, "REELBUS_BUS", "pubsub://project", at_most=1)[0]


def database_in(url: SplitResult) -> tuple[str, str]:
    """Project and database of `firestore://project/database`. Raises `Invalid`."""
    project, *database = _names(url, "REELBUS_JOBS", "firestore://project/database", at_most=2)
    return project, database[0] if database else DEFAULT_DATABASE


def _names(url: SplitResult, setting: str, wanted: str, *, at_most: int) -> list[str]:
    names = [url.netloc, *filter(None, url.path.split("/"))]
    if not url.netloc or len(names) > at_most or url.query or url.fragment:
        raise Invalid(f"{setting}: must be {wanted}, not {url.geturl()}", field=setting)
    return names
