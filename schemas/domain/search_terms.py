"""The words by which jobs are found: ids, labels, project, model. Each store keeps them beside the jobs, in an index.

A term has its kind before the colon: `i` an id or its first characters, `l` a label as `key=value`, `m` the model, `p`
the project, `v` the value of a label. Terms are in small letters, as far as ASCII goes. The prompt is no term: each of
its words would be an entry of several indexes, in a store that bills for them.

`infra.embedded.search` has the same rules in SQL, for triggers of the file that older programs run too.
"""

import string

from schemas.domain.job import Job
from schemas.wire.caller_names import DIGEST_LENGTH

ID_BEGINNING = 8
"""So many first characters of an id find it as well: people copy no more of a UUID."""
MARKS = {"!doubt": ('"charged":"unknown"', '"lost_prefixes":['), "!late": ('"late":[',)}
"""Terms of jobs whose record has one of these texts. No text of a caller can contain one: JSON escapes its quotes. A
record may have a mark though its doubt is resolved, so that a reader looks at the record."""
DOUBT, LATE = MARKS
_KINDS = "ilmpv"
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def to_small(text: str) -> str:
    """Return the text in small letters, as far as ASCII goes: SQLite's `lower` does the same."""
    return text.translate(_SMALL)


def model_of(job: Job) -> str | None:
    """Return the model that makes the video, or that its request names; None if neither is known yet."""
    return job.clips[0].planned.model if job.clips else job.request.model


def terms_of(job: Job, record: str) -> frozenset[str]:
    """Return the terms of a job whose record is this text."""
    request, job_id = job.request, job.job_id
    found = [f"i:{job_id}", f"i:{job_id[:ID_BEGINNING]}"]
    chosen = job_id[:-DIGEST_LENGTH]
    if job.caller is not None and chosen.endswith("-"):  # it may be the caller's own id, before its digest
        found.append(f"i:{chosen[:-1]}")
    if request.project_id:
        found.append(f"p:{request.project_id}")
    if model := model_of(job):
        found.append(f"m:{model}")
    for key, value in request.labels.items():
        found += [f"l:{key}={value}", f"v:{value}"]
    marks = [mark for mark, texts in MARKS.items() if any(text in record for text in texts)]
    return frozenset([to_small(term) for term in found] + marks)


def terms_for(word: str) -> frozenset[str]:
    """Return the terms of which a job has at least one if the word finds it."""
    return frozenset(f"{kind}:{to_small(word)}" for kind in _KINDS)


def label_term(label: str) -> str:
    """Return the term of a label, given as `key=value`."""
    return f"l:{to_small(label)}"


def model_term(model: str) -> str:
    """Return the term of a model."""
    return f"m:{to_small(model)}"
