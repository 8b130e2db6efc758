"""What reelbus needs from outside: one port for each, which the adapters in `infra` implement.

A port's docstring says what a new adapter must guarantee, and names the suite in `tests/contract/` that proves it. An
adapter translates the errors of its client libraries: a service that can't be reached is `Unavailable`.
"""

from typing import TYPE_CHECKING

from schemas.former import former_names
from schemas.ports.bus import (
    BATCH_REQUESTS,
    BATCH_WORKERS,
    COMPLETIONS,
    DEAD_REQUESTS,
    DEAD_WORKERS,
    MAX_DELIVERIES,
    REQUESTS,
    WEBHOOKS,
    WORKERS,
    Bus,
    DeadLetter,
    Delivery,
    Subscription,
    topic_of,
)
from schemas.ports.clock import Clock
from schemas.ports.deliveries import Deliveries, DeliveryPage, DeliveryQuery, Poster
from schemas.ports.editor import Editor, Probe
from schemas.ports.evaluation import EVALUATIONS, EVALUATORS, NotScored, Score, VideoScorer
from schemas.ports.file_deriver import FileDeriver, NotDerived
from schemas.ports.films import (
    FILM_COMPLETIONS,
    FILM_REQUESTS,
    FILM_WORKERS,
    DueFilm,
    FilmEditor,
    FilmExporter,
    FilmMusicBed,
    FilmPage,
    FilmQuery,
    Films,
    FilmSound,
    MusicReader,
    NotMusic,
    Segment,
    Shot,
)
from schemas.ports.job_store import (
    COUNTED_AHEAD,
    CREATED_TOGETHER,
    CREATED_TOGETHER_BYTES,
    WRITTEN_AFTER_CREATION,
    Budgets,
    Heartbeats,
    JobPage,
    JobQuery,
    JobStore,
    LastBeat,
    ProgressReports,
)
from schemas.ports.parked_jobs import ParkedJob, ParkedJobs
from schemas.ports.provenance import NotSigned, Provenance, SourcePart
from schemas.ports.statistics import Backlog, EvaluationLine, LedgerLine, LedgerPage, Statistics, WorkerBeat
from schemas.ports.video_checker import NotMeasured, VideoChecker
from schemas.ports.video_model import (
    Answer,
    Foreign,
    GenerationDone,
    GenerationFailed,
    GenerationRunning,
    Missing,
    VideoModel,
)
from schemas.ports.video_store import StoredFile, VideoStore

__all__ = [
    "BATCH_REQUESTS",
    "BATCH_WORKERS",
    "COMPLETIONS",
    "COUNTED_AHEAD",
    "CREATED_TOGETHER",
    "CREATED_TOGETHER_BYTES",
    "DEAD_REQUESTS",
    "DEAD_WORKERS",
    "EVALUATIONS",
    "EVALUATORS",
    "FILM_COMPLETIONS",
    "FILM_REQUESTS",
    "FILM_WORKERS",
    "MAX_DELIVERIES",
    "REQUESTS",
    "WEBHOOKS",
    "WORKERS",
    "WRITTEN_AFTER_CREATION",
    "Answer",
    "Backlog",
    "Budgets",
    "Bus",
    "Clock",
    "DeadLetter",
    "Deliveries",
    "Delivery",
    "DeliveryPage",
    "DeliveryQuery",
    "DueFilm",
    "Editor",
    "EvaluationLine",
    "FileDeriver",
    "FilmEditor",
    "FilmExporter",
    "FilmMusicBed",
    "FilmPage",
    "FilmQuery",
    "FilmSound",
    "Films",
    "Foreign",
    "GenerationDone",
    "GenerationFailed",
    "GenerationRunning",
    "Heartbeats",
    "JobPage",
    "JobQuery",
    "JobStore",
    "LastBeat",
    "LedgerLine",
    "LedgerPage",
    "Missing",
    "MusicReader",
    "NotDerived",
    "NotMeasured",
    "NotMusic",
    "NotScored",
    "NotSigned",
    "ParkedJob",
    "ParkedJobs",
    "Poster",
    "Probe",
    "ProgressReports",
    "Provenance",
    "Score",
    "Segment",
    "Shot",
    "SourcePart",
    "Statistics",
    "StoredFile",
    "Subscription",
    "VideoChecker",
    "VideoModel",
    "VideoScorer",
    "VideoStore",
    "WorkerBeat",
    "topic_of",
]

if not TYPE_CHECKING:  # for the type checker only what is here exists
    __getattr__ = former_names(__name__)
