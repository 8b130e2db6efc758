"""Fills a Firestore emulator with jobs, in batches."""

from bench.growth_seed import Seeded, jobs
from infra.gcp.firestore.documents import document
from infra.gcp.firestore.jobs import FirestoreJobs
from schemas.domain.job import Job

_BATCH = 500


async def fill_firestore(project: str, count: int) -> list[Seeded]:
    """So many jobs as the adapter would write them, in the emulator to which the environment leads. All come back."""
    store = FirestoreJobs(project)
    found = list(jobs(count))
    for first in range(0, count, _BATCH):
        batch = store.client.batch()
        for job in found[first : first + _BATCH]:
            batch.create(store.document(job.job_id), document(Job.model_validate_json(job.record)))
        await batch.commit()
    await store.aclose()
    return found
