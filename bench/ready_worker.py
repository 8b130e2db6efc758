"""The worker over the model that answers at once.

`BENCH_FILM`: the film. `BENCH_FOLDER`: where the local store lies; empty for a bucket. `BENCH_EDITOR=plain`: without
probing, cutting and poster, to see what is left. `BENCH_PRICE`: what a clip costs, in USD; 0 without it, as with the
embedded default's own model.
"""

import os
from pathlib import Path
from typing import Any

from bench.plain_editor import PlainEditor
from bench.ready_model import ReadyModel
from infra.adapters import Adapters
from schemas.ports import Editor, VideoModel, VideoStore
from subscriber.__main__ import main


async def _model(self: Adapters, url: str, *, videos: VideoStore, **_: Any) -> VideoModel:
    del self, url
    folder = os.environ.get("BENCH_FOLDER")
    price_usd = os.environ.get("BENCH_PRICE", "0")
    return ReadyModel(videos, Path(os.environ["BENCH_FILM"]), Path(folder) if folder else None, price_usd)


async def _editor(self: Adapters) -> Editor:
    del self
    return PlainEditor()


if __name__ == "__main__":
    Adapters.model = _model  # type: ignore[method-assign]
    if os.environ.get("BENCH_EDITOR") == "plain":
        Adapters.editor = _editor  # type: ignore[method-assign]
    main(prog_name="reelbus worker")
