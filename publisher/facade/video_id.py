"""The `{video_id}` of a path: what can be a job's id, but is no other address."""

from starlette.convertors import Convertor, register_url_convertor

RESERVED = frozenset({"generate", "health"})
"""They stand where an id stands in a path, so no job of this door may be called so."""
VIDEO_ID = "{video_id:video_id}"


class _VideoId(Convertor[str]):
    regex = rf"(?!(?:{'|'.join(sorted(RESERVED))})(?:/|$))[A-Za-z0-9_-]{{1,64}}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("video_id", _VideoId())
