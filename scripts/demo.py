"""One video through the real facade and a separate worker process; the last line of stdout is the facade's answer.

`demo.py google` runs it on the emulators that the environment leads to, with a wire-level Vertex AI for the model.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import aconnect_sse

ROOT = Path(__file__).resolve().parent.parent
FILE = Path.cwd() / "reelbus-demo.mp4"
GENERATE = "/api/videos/generate"
SCENE = {
    "title": "Meet Pixology",
    "description": "One idea comes alive on the wall.",
    "visual": "Warm morning light, a modern studio, paper and screens",
    "cameraFlow": "Slow push in",
    "script": "From a sentence to a storyboard.",
    "backgroundMusic": "Calm, hopeful",
    "timeEnd": "5s",
}


def main() -> None:
    """Starts both processes, asks for one video, watches it, keeps the file."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "PORT": str(port), "REELBUS_PUBLIC_URL": url, "REELBUS_LOG_LEVEL": "WARNING"}
    environment.setdefault("REELBUS_DATA_DIR", str(ROOT / ".reelbus"))
    with ExitStack() as stack:
        if sys.argv[1:] == ["google"]:
            environment |= stack.enter_context(_vertex(environment))
            _run("publisher", "setup", environment=environment)
        _say(f"facade on {url}, a worker beside it; {_places(environment)}")
        facade = stack.enter_context(_process("publisher", "serve", environment=environment))
        worker = stack.enter_context(_process("subscriber", environment=environment))
        answer = asyncio.run(_make_video_unless_ended(url, {"facade": facade, "worker": worker}))
    sys.stdout.write(json.dumps({**answer, "file": str(FILE)}, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    _say(f"open {FILE} to watch the video")


def _places(environment: dict[str, str]) -> str:
    names = ("REELBUS_BUS", "REELBUS_JOBS", "REELBUS_VIDEOS", "REELBUS_PROVIDER")
    return ", ".join(environment[name] for name in names if name in environment) or environment["REELBUS_DATA_DIR"]


@contextmanager
def _vertex(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A Vertex AI on the wire that writes real films into the bucket; the settings that lead to it."""
    bucket = environment["REELBUS_VIDEOS"].removeprefix("gs://")
    command = [sys.executable, "-m", "tests.vertex.server", "--bucket", bucket, "--seconds", "3"]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        address = process.stdout.readline().strip()
        yield {"REELBUS_VERTEX_BASE_URL": address, "REELBUS_PROVIDER": f"vertex://{bucket}/us-central1"}
    finally:
        process.terminate()
        process.wait(30)


def _run(module: str, *arguments: str, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], env=environment, cwd=ROOT, check=True, stdout=sys.stderr)


async def _make_video_unless_ended(url: str, processes: dict[str, subprocess.Popen[bytes]]) -> dict[str, Any]:
    """Wait for as long as a slow machine takes; only a process that has ended is given up."""
    answer = asyncio.create_task(_make_video(url))
    while not answer.done():
        await asyncio.wait({answer}, timeout=0.5)
        for name, process in processes.items():
            if process.poll() is not None and not answer.done():
                answer.cancel()
                raise SystemExit(f"the {name} ended by itself with exit code {process.returncode}")
    return answer.result()


async def _make_video(url: str) -> dict[str, Any]:
    """Ask without waiting, watch the job, and ask again with the same id: the answer is the same video."""
    order = {"job_id": f"demo-{os.urandom(6).hex()}", "scene": SCENE, "quality": "fast"}
    # No proxy stands between this process and its own facade, whatever HTTP_PROXY says.
    async with httpx.AsyncClient(base_url=url, timeout=None, trust_env=False) as client:
        await _wait_until_ready(client)
        accepted = await client.post(GENERATE, json=order, headers={"Prefer": "respond-async"})
        if accepted.status_code == 202:
            with suppress(httpx.TransportError):
                await _watch(client, accepted.headers["Location"])
        while (answer := await client.post(GENERATE, json=order)).status_code == 504:  # a slow machine: it goes on
            _say("still at work")
        if answer.status_code != 200:
            raise SystemExit(f"the facade answered {answer.status_code}: {answer.text}")
        body: dict[str, Any] = answer.json()
        video = await client.get(body["video_url"])
        video.raise_for_status()
        FILE.write_bytes(video.content)
        return body


async def _watch(client: httpx.AsyncClient, path: str) -> None:
    """Print each state as it comes, and the estimate in between, until the stream ends."""
    said = ""
    async with aconnect_sse(client, "GET", f"{path}/events") as source:
        async for event in source.aiter_sse():
            if event.event not in ("state", "progress", "done"):
                continue  # a heartbeat has neither name nor data
            data = event.json()
            line = f"{data['state']:<11} {round(data['progress'] * 100):3d} %"
            if line != said:
                _say(line)
            said = line


async def _wait_until_ready(client: httpx.AsyncClient) -> None:
    while True:
        with suppress(httpx.TransportError):
            if (await client.get("/readyz")).status_code == 200:
                return
        await asyncio.sleep(0.05)


@contextmanager
def _process(module: str, *arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment, cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
