"""The two houses that are hurt: the embedded one, and the one on Google's emulators."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from infra.gcp.emulators import find_emulators, run_emulators
from publisher.settings import PublisherSettings
from tests.chaos.house import House, environment_of, model_at, parts_of, urls_of, with_environment
from tests.chaos.journal import Journal
from tests.chaos.proxy import HOST, Proxy
from tests.vertex.rig import BUCKET

_PROGRAMS = {
    "PUBSUB_EMULATOR_HOST": "pubsub",
    "FIRESTORE_EMULATOR_HOST": "firestore",
    "STORAGE_EMULATOR_HOST": "fake-gcs",
}
_PROJECT = "chaos"


@asynccontextmanager
async def embedded(folder: Path, seed: int, journal: Journal) -> AsyncIterator[House]:
    """SQLite and a folder, the model on the wire behind a proxy."""
    data = folder / "data"
    videos = data / "videos"
    videos.mkdir(parents=True)
    plain = environment_of(folder, {})
    model = ("--bucket", BUCKET, "--seed", str(seed), "--folder", str(videos))
    async with model_at(plain, folder, *model) as port, Proxy(port) as proxy:
        environment = {**plain, "REELBUS_VERTEX_BASE_URL": f"http://{HOST}:{proxy.port}"}
        workers, facades = parts_of(folder, journal, environment, "tests.chaos.worker")
        yield House(
            folder=folder,
            journal=journal,
            environment=plain,
            settings=PublisherSettings(data_dir=data),
            urls=urls_of(facades),
            model=proxy,
            model_url=f"http://{HOST}:{port}",
            workers=workers,
            facades=facades,
        )


@asynccontextmanager
async def google(folder: Path, seed: int, journal: Journal) -> AsyncIterator[House]:
    """Pub/Sub, Firestore and Cloud Storage on Google's emulators, each behind a proxy; everything as it is deployed.

    The Pub/Sub emulator 0.8.20 goes on sending to consumers that were killed: of 30 messages that one held, none had
    come to the next consumer a minute later. Pub/Sub itself delivers them once their deadline is over.
    """
    async with AsyncExitStack() as stack:
        emulators = stack.enter_context(run_emulators(find_emulators()))
        stack.enter_context(with_environment(emulators))
        stores = {name: await stack.enter_async_context(Proxy(_port(url))) for name, url in emulators.items()}
        direct = environment_of(folder, _addresses())
        _set_up(direct, folder)
        model = ("--bucket", BUCKET, "--seed", str(seed))
        port = await stack.enter_async_context(model_at(direct, folder, *model))
        proxy = await stack.enter_async_context(Proxy(port))
        environment = {**direct, **_proxied(emulators, stores)}
        environment["REELBUS_VERTEX_BASE_URL"] = f"http://{HOST}:{proxy.port}"
        workers, facades = parts_of(folder, journal, environment, "subscriber")
        yield House(
            folder=folder,
            journal=journal,
            environment=direct,
            settings=_settings(folder),
            urls=urls_of(facades),
            model=proxy,
            model_url=f"http://{HOST}:{port}",
            stores=tuple(stores.values()),
            store_pids=_groups(),
            forgets=True,
            workers=workers,
            facades=facades,
        )


def _addresses() -> dict[str, str]:
    return {
        "BUS": f"pubsub://{_PROJECT}",
        "JOBS": f"firestore://{_PROJECT}/(default)",
        "VIDEOS": f"gs://{BUCKET}",
        "MODEL": f"vertex://{_PROJECT}/us-central1",
        "ACK_DEADLINE_S": "10",  # Pub/Sub knows no shorter one
    }


def _settings(folder: Path) -> PublisherSettings:
    found = _addresses()
    return PublisherSettings(data_dir=folder / "data", bus=found["BUS"], jobs=found["JOBS"], videos=found["VIDEOS"])


def _set_up(environment: Mapping[str, str], folder: Path) -> None:
    command = [sys.executable, "-m", "publisher", "setup"]
    subprocess.run(command, env=dict(environment), cwd=folder, check=True, capture_output=True)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _proxied(emulators: Mapping[str, str], proxies: Mapping[str, Proxy]) -> dict[str, str]:
    return {
        name: address.replace(f":{_port(address)}", f":{proxies[name].port}") for name, address in emulators.items()
    }


def _groups() -> list[int]:
    """The process groups of the emulators: children of this process, each the leader of its own."""
    mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    words = {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in mine}
    return [pid for pid, command in words.items() if any(program in command for program in _PROGRAMS.values())]
