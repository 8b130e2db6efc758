"""What is written down while a run goes on: every log line of every process, every answer, everything that was done."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.chaos.facts import Answer, Told

_JOB = re.compile(r"chaos-\d{4}")
_FORESEEN = re.compile(r"schemas\.errors\.\w+|publisher\.submit\.SubmitUncertain|TimeoutError$")
_LAST_WORDS = ("Error: ", "reelbus worker: ")
"""Of a command that can't do what it was asked to: its exit status tells whether that is a fault."""
_LINES_SHOWN = 30


class Journal:
    """Grows while the house runs."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w")
        self._of_job: dict[str, list[str]] = defaultdict(list)
        self.done: Counter[str] = Counter()
        self.actions: Counter[str] = Counter()
        self.crashes: list[str] = []
        self.complaints: list[str] = []
        self.told: list[Told] = []
        self.answers: list[Answer] = []

    def hear(self, who: str, line: str) -> None:
        """One log line of a process."""
        self._keep(f"{who} {line}")
        try:
            record = json.loads(line)
        except ValueError:
            if not line.startswith(_LAST_WORDS):
                self.complaints.append(f"{who}: {line}")
            return
        self.actions[str(record.get("action", ""))] += 1
        if not _is_foreseen(record):
            self.complaints.append(f"{who}: {line}")

    def note(self, words: str) -> None:
        """What was done, between the lines of those to whom it was done."""
        self._keep(f"-- {words}")

    def lines_about(self, findings: Iterable[str]) -> list[str]:
        """What the logs say about the jobs that are named."""
        named = sorted({job_id for finding in findings for job_id in _JOB.findall(finding)})
        return [line for job_id in named for line in self._of_job[job_id][-_LINES_SHOWN:]]

    def close(self) -> None:
        """It is all there."""
        self._file.close()

    def _keep(self, line: str) -> None:
        self._file.write(f"{line}\n")
        for job_id in set(_JOB.findall(line)):
            self._of_job[job_id].append(line)


def _is_foreseen(record: dict[str, object]) -> bool:
    """An error of our own vocabulary is, and a time limit; anything else with a traceback is a bug."""
    traceback = record.get("traceback")
    if not isinstance(traceback, str):
        return record.get("action") not in ("handling_failed", "http_broke")
    return bool(_FORESEEN.match(traceback.strip().rpartition("\n")[2]))
