"""Looks at the database of Firestore: whether it answers, its protection, its composite indexes and exemptions.

The emulator answers every query without an index and has no list of indexes. So the indexes are compared with the list
of the Firestore Admin API, and on the emulator that look is skipped.
"""

import os
from collections.abc import Iterator

import grpc
from google.api_core.exceptions import Forbidden, GoogleAPICallError, MethodNotImplemented, NotFound
from google.cloud.firestore import Client
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.services.firestore_admin.transports import FirestoreAdminGrpcTransport
from google.cloud.firestore_admin_v1.types import Database, ListFieldsRequest
from google.cloud.firestore_admin_v1.types import Index as Deployed

from infra.gcp.doctor.account import CALL_S, Account, explain_google
from infra.gcp.firestore import parked
from infra.gcp.firestore.deliveries import COLLECTION as DELIVERIES
from infra.gcp.firestore.documents import COLLECTION
from infra.gcp.firestore.films import COLLECTION as FILMS
from infra.gcp.firestore.queries import CONTAINS, Index, indexes
from infra.look import one_line
from schemas.ports.findings import Finding

EMULATOR = "FIRESTORE_EMULATOR_HOST"
NOT_INDEXED = ("record", "write", "reattach_until")
"""Fields of a job without an index of their own: they are long or change often, and no query asks for them."""
EXEMPTIONS = {COLLECTION: NOT_INDEXED, FILMS: ("record", "write"), DELIVERIES: ("record",)}
"""Such fields by their collection. Doctor looks at those of the jobs: the others only make writes cheaper."""
_DEPLOY = "terraform apply, or: firebase deploy --only firestore:indexes, with infra/deploy/firestore.indexes.json"
_TTL = "a TTL policy deletes tombstones and jobs, and a repeated request would pay again"


class Records:
    """The looks at one database. Close it afterwards."""

    def __init__(self, project: str, database: str, account: Account) -> None:
        emulator = os.environ.get(EMULATOR)
        credentials = None if emulator else account.credentials
        self._client = Client(project=project, database=database, credentials=credentials)
        self._admin = _open_admin(emulator, account)
        self._path = f"projects/{project}/databases/{database}"
        self._project, self._database = project, database

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.transport.close()  # type: ignore[no-untyped-call]
        self._client.close()  # type: ignore[no-untyped-call]

    def examine(self) -> Iterator[Finding]:
        """Look at all of it."""
        try:
            self._client.collection(COLLECTION).document("reelbus-doctor").get(timeout=CALL_S, retry=None)
        except NotFound:
            create = f"gcloud firestore databases create --database='{self._database}' --location=REGION"
            yield Finding.wrong("database", self._database, "does not exist", f"{create} --project={self._project}")
            return
        except GoogleAPICallError as error:
            yield explain_google("database", self._database, error)
            return
        yield Finding.ok("database", self._database, "answers")
        try:
            yield from self.examine_indexes()
            yield from self.examine_fields()
            yield from self.examine_protection()
        except MethodNotImplemented:
            words = "the emulator answers every query without one, and has no list of them"
            yield Finding.skip("indexes", self._database, words)
        except Forbidden as error:
            words = f"these credentials may not list them: {one_line(error)}"
            yield Finding.skip("indexes", self._database, words, "ask as the operator, with roles/datastore.viewer")

    def examine_indexes(self) -> Iterator[Finding]:
        """Compare the composite indexes of both collections with those of the queries."""
        for collection, wanted in ((COLLECTION, indexes()), (parked.COLLECTION, list(parked.INDEXES))):
            parent = f"{self._path}/collectionGroups/{collection}"
            found = {
                _fields_of(index): index.state
                for index in self._admin.list_indexes(parent=parent, timeout=CALL_S, retry=None)
                if index.query_scope is Deployed.QueryScope.COLLECTION
            }
            ready = [index for index in wanted if found.get(index) == Deployed.State.READY]
            for index in wanted:
                if index not in ready:
                    yield self.explain_index(collection, index, found.get(index))
            yield Finding.ok("indexes", collection, f"{len(ready)} of {len(wanted)} are ready")

    def explain_index(self, collection: str, index: Index, state: Deployed.State | None) -> Finding:
        """Return the finding of an index that is not ready; its state is None if it is missing."""
        ways = {"ASCENDING": "", "DESCENDING": " desc", CONTAINS: " contains"}
        name = f"{collection}({', '.join(f'{field}{ways[way]}' for field, way in index)})"
        if state is Deployed.State.CREATING:
            return Finding.wrong("index", name, "is being built: its queries fail until then", "wait some minutes")
        if state is not None:
            return Finding.wrong("index", name, f"is {state.name}", f"delete it, then {_DEPLOY}")
        options = (f"{'array-config' if way == CONTAINS else 'order'}={way.lower()}" for _, way in index)
        fields = " ".join(
            f"--field-config=field-path={field},{option}" for (field, _), option in zip(index, options, strict=True)
        )
        where = f"--project={self._project} --database='{self._database}' --collection-group={collection}"
        return Finding.wrong("index", name, "is missing", f"gcloud firestore indexes composite create {where} {fields}")

    def examine_fields(self) -> Iterator[Finding]:
        """Look for missing exemptions, and for a TTL policy, which must not be there."""
        parent = f"{self._path}/collectionGroups/{COLLECTION}"
        own = ListFieldsRequest(parent=parent, filter="indexConfig.usesAncestorConfig:false")
        exempt = {
            field.name.rpartition("/")[2]
            for field in self._admin.list_fields(request=own, timeout=CALL_S, retry=None)
            if not field.index_config.indexes
        }
        for name in NOT_INDEXED:
            if name not in exempt:
                words = "has indexes that no query uses: each write costs more, and a long value may be refused"
                yield Finding.wrong("field", f"{COLLECTION}.{name}", words, _DEPLOY)
        if exempt.issuperset(NOT_INDEXED):
            yield Finding.ok("fields", COLLECTION, f"{', '.join(NOT_INDEXED)} have no index")
        expire = ListFieldsRequest(parent=parent, filter="ttlConfig:*")
        for field in self._admin.list_fields(request=expire, timeout=CALL_S, retry=None):
            name = field.name.rpartition("/")[2]
            update = f"gcloud firestore fields ttls update {name} --collection-group={COLLECTION} --disable-ttl"
            remedy = f"{update} --database='{self._database}' --project={self._project}"
            yield Finding.wrong("field", f"{COLLECTION}.{name}", _TTL, remedy)

    def examine_protection(self) -> Iterator[Finding]:
        """Look at the kind of the database, and at what keeps it from being lost."""
        found = self._admin.get_database(name=self._path, timeout=CALL_S, retry=None)
        update = f"gcloud firestore databases update --database='{self._database}' --project={self._project}"
        if found.type_ is not Database.DatabaseType.FIRESTORE_NATIVE:
            words = f"is of the type {found.type_.name}, and must be FIRESTORE_NATIVE"
            yield Finding.wrong("database", self._database, words, "make another database, and name it in REELBUS_JOBS")
        if found.delete_protection_state is not Database.DeleteProtectionState.DELETE_PROTECTION_ENABLED:
            yield Finding.note(
                "database", self._database, "can be deleted by one call", f"{update} --delete-protection"
            )
        recovery = Database.PointInTimeRecoveryEnablement.POINT_IN_TIME_RECOVERY_ENABLED
        if found.point_in_time_recovery_enablement is not recovery:
            yield Finding.note("database", self._database, "has no point-in-time recovery", f"{update} --enable-pitr")


def _open_admin(emulator: str | None, account: Account) -> FirestoreAdminClient:
    if emulator is None:
        return FirestoreAdminClient(credentials=account.credentials)
    # The client library reads the variable for documents only.
    return FirestoreAdminClient(transport=FirestoreAdminGrpcTransport(channel=grpc.insecure_channel(emulator)))


def _fields_of(index: Deployed) -> Index:
    """Return the fields of a deployed index without the name of the document, which Firestore adds as the last one."""
    return tuple(
        (
            field.field_path,
            CONTAINS if field.array_config is Deployed.IndexField.ArrayConfig.CONTAINS else field.order.name,
        )
        for field in index.fields
        if field.field_path != "__name__"
    )
