"""Music that a storyboard names by the path of a file: the command sends the file itself."""

import base64
from pathlib import Path
from typing import Any

from publisher.cli.options import read_file
from schemas.wire.film_audio import MUSIC_FIELD, MUSIC_MAX_BYTES

_ADDRESSES = ("data:", "reelbus:")


def read_music(board: dict[str, Any], *, folder: Path) -> None:
    """Put the file's content in the place of its path, which begins in this folder. Raises `Invalid`.

    What the storyboard has instead of a path is left as it is: the check of the storyboard names what is wrong.
    """
    audio = board.get("audio")
    music = audio.get("music") if isinstance(audio, dict) else None
    uri = music.get("uri") if isinstance(music, dict) else None
    if not isinstance(music, dict) or not isinstance(uri, str) or not uri or "://" in uri or uri.startswith(_ADDRESSES):
        return
    content = read_file(str(folder / uri), field=MUSIC_FIELD, max_bytes=MUSIC_MAX_BYTES)
    # The facade reads the type from the content.
    music["uri"] = f"data:audio/octet-stream;base64,{base64.b64encode(content).decode()}"
