"""The credentials of this process, and what Google's errors say about them and about the project."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, RetryError, Unauthorized
from google.auth import default
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.transport.requests import Request

from infra.look import explain_error, one_line
from schemas.ports.findings import Finding

CALL_S = 10.0
"""How long one call of a look may take."""
PROJECTS = "https://cloudresourcemanager.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SKEW_S = 60.0
"""Google refuses signatures of a clock that is minutes off; a correct clock is off by less than a second."""
_DISABLED = re.compile(r"SERVICE_DISABLED|has not been used in project|API .* is disabled")
_SERVICE = re.compile(r"([a-z]+\.googleapis\.com)")
LOGIN = "gcloud auth application-default login, or run as a service account (docs/google-cloud.md)"


@dataclass(frozen=True, slots=True)
class Account:
    """Who this process is at Google."""

    credentials: Credentials | None = None
    """None if nothing that the settings name needs credentials."""

    @property
    def name(self) -> str:
        """The service account or the login, as far as the credentials tell it."""
        email = getattr(self.credentials, "service_account_email", None) or getattr(self.credentials, "account", None)
        return str(email) if email else "a login without a name"

    @property
    def headers(self) -> Mapping[str, str]:
        """What a request of ours shows."""
        if self.credentials is None:
            return {}
        quota = getattr(self.credentials, "quota_project_id", None)
        return {
            "authorization": f"Bearer {self.credentials.token}",
            **({"x-goog-user-project": str(quota)} if quota else {}),
        }

    def call(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send a free request. Raises `httpx.HTTPError`; a refusal is an answer."""
        return httpx.request(method, url, json=body, headers=dict(self.headers), timeout=CALL_S)


def find_account() -> Account:
    """Find the credentials and fetch a token. Raises `GoogleAuthError`."""
    credentials, _ = default(scopes=[SCOPE])
    if not credentials.valid:
        credentials.refresh(_ShortRequest())  # type: ignore[no-untyped-call]
    return Account(credentials)


class _ShortRequest(Request):
    """Google's default waits two minutes for a token."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return super().__call__(*arguments, **{**named, "timeout": CALL_S})  # type: ignore[no-untyped-call]


def explain_missing(error: GoogleAuthError) -> Finding:
    """Return the finding of credentials that can't be used."""
    if isinstance(error, DefaultCredentialsError):
        named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        if named:  # it goes before a login
            words = f"GOOGLE_APPLICATION_CREDENTIALS names a file that can't be used: {one_line(error)}"
            remedy = f"correct GOOGLE_APPLICATION_CREDENTIALS; or unset it, and {LOGIN}"
            return Finding.wrong("credentials", "", words, remedy)
        return Finding.wrong("credentials", "", "there are none", LOGIN)
    return Finding.wrong("credentials", "", f"Google gives no token for them: {one_line(error)}", LOGIN)


def examine_permissions(
    account: Account, project: str, wanted: Mapping[str, str], base_url: str = PROJECTS
) -> Iterator[Finding]:
    """Say which permissions on the project are granted. `wanted` has the role of each."""
    body = {"permissions": list(wanted)}
    answer = account.call("POST", f"{base_url}/v1/projects/{project}:testIamPermissions", body)
    yield from examine_clock(answer)
    if answer.status_code != httpx.codes.OK:
        words = f"can't be asked ({answer.status_code}); each service below is asked itself"
        remedy = f"gcloud services enable cloudresourcemanager.googleapis.com --project {project}"
        yield Finding.skip("roles", project, words, remedy)
        return
    granted = set(answer.json().get("permissions", ()))
    for role in dict.fromkeys(wanted.values()):
        lacking = sorted(name for name, of in wanted.items() if of == role and name not in granted)
        if not lacking:
            yield Finding.ok("role", role, f"granted to {account.name}")
        elif role == "roles/datastore.user":
            words = f"{', '.join(lacking)} not granted on the project; a role on one database alone can't be asked for"
            yield Finding.note("role", role, words, _grant(project, role, account))
        else:
            words = f"{account.name} lacks {', '.join(lacking)}"
            yield Finding.wrong("role", role, words, _grant(project, role, account))


def _grant(project: str, role: str, account: Account) -> str:
    return f"gcloud projects add-iam-policy-binding {project} --role {role} --member {member_of(account)}"


def member_of(account: Account) -> str:
    """Return the account as Google's commands name it."""
    if getattr(account.credentials, "service_account_email", None):
        return f"serviceAccount:{account.name}"
    return f"user:{account.name}" if getattr(account.credentials, "account", None) else "user:YOU"


def agent_member(project: str, domain: str) -> str:
    """Return the service agent of a project, as a shell finds it: only Google knows the project's number."""
    number = f"$(gcloud projects describe {project} --format='value(projectNumber)')"
    return f"serviceAccount:service-{number}{domain}"


def examine_clock(answer: httpx.Response) -> Iterator[Finding]:
    """Compare this machine's clock with the moment of an answer."""
    try:
        there = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return
    skew_s = (datetime.now(UTC) - there).total_seconds()
    if abs(skew_s) < _SKEW_S:
        yield Finding.ok("clock", "", "agrees with Google's")
    else:
        side = "ahead of" if skew_s > 0 else "behind"
        words = f"{abs(skew_s):.0f} s {side} Google's: tokens and signed addresses fail"
        yield Finding.wrong("clock", "", words, "timedatectl set-ntp true")


def explain_google(kind: str, name: str, error: Exception) -> Finding:
    """Return the finding of an error of Google's, with what the operator can do."""
    words = one_line(error)
    if isinstance(error, GoogleAuthError):
        return Finding.wrong(kind, name, f"needs credentials: {words}", LOGIN)
    if isinstance(error, Forbidden | Unauthorized):
        if _DISABLED.search(str(error)):
            service = (_SERVICE.search(str(error)) or [f"{kind}.googleapis.com"])[0]
            return Finding.wrong(kind, name, f"the API {service} is not enabled", f"gcloud services enable {service}")
        return Finding.wrong(
            kind, name, f"these credentials may not look: {words}", "grant the role, see docs/google-cloud.md"
        )
    if isinstance(error, NotFound):
        return Finding.wrong(kind, name, f"does not exist: {words}", "reelbus setup, or terraform apply")
    if isinstance(error, GoogleAPICallError | RetryError | httpx.HTTPError | OSError | TimeoutError):
        remedy = "check the network, the proxy, and the addresses of emulators in the environment"
        return Finding.wrong(kind, name, f"does not answer: {words}", remedy)
    return explain_error(kind, name, error)
