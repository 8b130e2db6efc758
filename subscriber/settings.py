"""The worker's settings, read once from the environment and `.env` in the composition root."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from schemas.domain.budget_setting import Limits
from schemas.domain.checks import CheckRules, RulesSetting
from schemas.settings import Settings
from schemas.wire.webhook_endpoints import WebhookEndpoint, parse_endpoints
from subscriber.policy import Deadlines
from subscriber.retention import RetentionPolicy


class WorkerSettings(Settings):
    """Every field is `REELBUS_<NAME>` in the environment (and `PORT` for the facade's port)."""

    in_flight: int = Field(
        default=0,
        ge=0,
        description="Jobs that one worker runs at once; 0: 100, or twice the cores where it renders.",
    )
    prefetch: int = Field(
        default=0,
        ge=0,
        description="Messages held beside them; 0: a quarter as many, and at least 40 if REELBUS_WORKERS is 1.",
    )
    ack_deadline_s: float = Field(default=15, gt=0, description="When a killed worker's messages come again.")
    drain_s: float = Field(default=8, ge=0, description="How long a stopping worker goes on with its jobs.")
    reconcile_every_s: float = Field(default=60, gt=0)
    health_port: int = Field(
        default=0, ge=0, le=65535, description="Port of the worker's /livez and /readyz, on REELBUS_HOST; 0: none."
    )
    cancel_look_s: float = Field(default=60, gt=0, description="How often a running job's record is read again.")

    workers: int = Field(default=1, ge=1, description="How many workers share the quota and the jobs.")

    budgets: Limits = Field(default=(), description="Limits of spending, as a JSON list; see docs/budgets.md.")

    checks: Literal["beside", "record", "off"] = Field(
        default="beside",
        description="Where the checks of each finished video go: a file beside it, or also record and completion.",
    )
    check_within_s: float = Field(default=30, gt=0, le=600, description="How long the checks may delay a job's end.")
    check_rules: RulesSetting = Field(
        default=CheckRules(), description="Other thresholds, as JSON; see docs/checks.md."
    )

    retention_days: int = Field(
        default=0, ge=0, le=36_500, description="Jobs that ended so long ago are erased to a tombstone; 0: never."
    )
    work_days: int = Field(
        default=30, ge=0, le=36_500, description="Files under work/ of jobs that ended so long ago go; 0: never."
    )

    webhook_endpoints: SecretStr = Field(
        default=SecretStr(""),
        description="Addresses that hear of the ends of all jobs, or of some, as a JSON list; see docs/webhooks.md.",
    )

    submit_within_s: float = Field(default=10, gt=0, description="How long after its claim a worker may send.")
    submit_timeout_s: float = Field(default=30, gt=0, description="How long one submit may take to be answered.")
    submitting_hold_s: float = Field(default=90, gt=0, description="Age after which a submit counts as unknown.")
    generation_s: float = Field(default=1800, gt=0, description="The longest that a generation can take.")
    storing_s: float = Field(default=86_400, gt=0, description="How long the worker tries to store a finished video.")
    search_every_s: float = Field(default=15, gt=0, description="Pause between searches for an unknown clip.")

    @model_validator(mode="after")
    def _check_submitting_hold(self) -> Self:
        """A submit is left alone for longer than its owner may need: until it sends, and a third more than the call."""
        least = self.submit_within_s + self.submit_timeout_s * 4 / 3
        if self.submitting_hold_s < least:
            raise ValueError(
                f"REELBUS_SUBMITTING_HOLD_S must be at least {least:g}: REELBUS_SUBMIT_WITHIN_S and four thirds of "
                "REELBUS_SUBMIT_TIMEOUT_S"
            )
        return self

    @model_validator(mode="after")
    def _check_endpoints(self) -> Self:
        """Refuse endpoints to which nothing would be posted."""
        try:
            endpoints = self.endpoints
        except ValueError as error:
            raise ValueError(f"REELBUS_WEBHOOK_ENDPOINTS {error}") from None
        if endpoints and not self.webhook_secrets.get_secret_value() and not self.jobs_url.startswith("sqlite:"):
            raise ValueError("REELBUS_WEBHOOK_ENDPOINTS needs REELBUS_WEBHOOK_SECRETS, which signs its events")
        return self

    @property
    def endpoints(self) -> tuple[WebhookEndpoint, ...]:
        """The endpoints of `webhook_endpoints`. Raises `ValueError`."""
        return parse_endpoints(self.webhook_endpoints.get_secret_value(), self.webhook_policy)

    @property
    def jobs_at_once(self) -> int:
        """How many jobs one worker runs. A few keep the local renderer busy; the rest is left to other workers."""
        return self.in_flight or (2 * self.renderers if self.provider_url.startswith("animatic") else 100)

    @property
    def messages_beside(self) -> int:
        """How many messages it holds beside them. A worker with others leaves them what it can't begin."""
        return self.prefetch or max(2 if self.workers > 1 else 40, self.jobs_at_once // 4)

    @property
    def scratch_dir(self) -> Path:
        """The folder for unfinished files."""
        return self.data_dir.absolute() / "scratch"

    @property
    def retention(self) -> RetentionPolicy:
        """How long data is kept. In a bucket a lifecycle rule deletes the files under `work/`, not a worker."""
        work = self.work_days if self.videos_url.startswith("file:") else 0
        return RetentionPolicy(
            job=timedelta(days=self.retention_days) if self.retention_days else None,
            work=timedelta(days=work) if work else None,
        )

    @property
    def deadlines(self) -> Deadlines:
        """The deadlines of the delivery policy."""
        return Deadlines(
            submit_within_s=self.submit_within_s,
            submit_timeout_s=self.submit_timeout_s,
            submitting_hold_s=self.submitting_hold_s,
            generation_s=self.generation_s,
            storing_s=self.storing_s,
        )
