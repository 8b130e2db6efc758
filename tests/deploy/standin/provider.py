"""Answers Terraform's calls by the schemas alone: a plan fills in what Google would, an apply makes it up."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import msgpack

from tests.deploy.standin.protocol import MESSAGES, handler_of
from tests.deploy.standin.schema import Attribute, Block, Schemas, Type, load_schemas

WHEELS = {
    "registry.terraform.io/hashicorp/google": "cdktn_provider_google-*.whl",
    "registry.terraform.io/hashicorp/google-beta": "cdktn_provider_google_beta-*.whl",
}
_UNKNOWN = msgpack.ExtType(0, b"\x00")
"""Terraform's value that is known after the apply."""
PROJECT_NUMBER = "123456789012"
_ACCOUNTS = "demo-project.iam.gserviceaccount.com"
DERIVED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "data.google_project": lambda _: {"number": PROJECT_NUMBER},
    "google_project_service_identity": lambda it: {"member": f"serviceAccount:agent@{it['service']}"},
    "google_service_account": lambda it: {
        "email": f"{it['account_id']}@{_ACCOUNTS}",
        "member": f"serviceAccount:{it['account_id']}@{_ACCOUNTS}",
        "name": f"accounts/{it['account_id']}",
    },
    "google_project_iam_custom_role": lambda it: {"id": f"projects/demo-project/roles/{it['role_id']}"},
    "google_pubsub_topic": lambda it: {"id": f"projects/demo-project/topics/{it['name']}"},
    "google_secret_manager_secret": lambda it: {"id": f"projects/demo-project/secrets/{it['secret_id']}"},
}
"""What Google derives from a resource's own arguments, where a check compares it. All else is made up."""
_NESTING = {"single": 1, "list": 2, "set": 3}
_ERROR = 1


class Provider:
    """One of the two providers."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = {kind: block for kind, block in schemas.items() if block is not None}
        self._answer = _schemas_message(self._schemas)

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the gRPC service."""
        return handler_of(
            {
                "GetSchema": lambda _: self._answer,
                "Configure": lambda _: MESSAGES["Diagnostics"](),
                "Stop": lambda _: MESSAGES["StopResponse"](),
                "PrepareProviderConfig": lambda request: MESSAGES["PrepareResponse"](prepared_config=request.config),
                "ValidateResourceTypeConfig": lambda request: self._validate(request.type_name, request.config),
                "ValidateDataSourceConfig": lambda request: self._validate(f"data.{request.type_name}", request.config),
                "UpgradeResourceState": self._upgrade,
                "ReadResource": lambda request: MESSAGES["ReadResponse"](new_state=request.current_state),
                "PlanResourceChange": self._plan,
                "ApplyResourceChange": self._apply,
                "ReadDataSource": self._read_data,
            }
        )

    def _validate(self, kind: str, config: Any) -> Any:
        """Refuse a value that is not one of those that the documentation lists; all else Terraform checks itself."""
        answer = MESSAGES["Diagnostics"]()
        for path, given, choices in _find_wrong(self._schemas[kind], _unpack(config), ()):
            detail = f'"{given}" is not one of {", ".join(choices)}'
            found = answer.diagnostics.add(severity=_ERROR, summary=f"Invalid value for {path[-1]}", detail=detail)
            for step in path:
                key = {"element_key_int": step} if isinstance(step, int) else {"attribute_name": step}
                found.attribute.steps.add(**key)
        return answer

    def _upgrade(self, request: Any) -> Any:
        return MESSAGES["UpgradeResponse"](upgraded_state={"json": request.raw_state.json})

    def _plan(self, request: Any) -> Any:
        state = _unpack(request.proposed_new_state)
        _fill(self._schemas[request.type_name], state, lambda *_: _UNKNOWN)
        return MESSAGES["PlanResponse"](planned_state=_pack(state), legacy_type_system=True)

    def _apply(self, request: Any) -> Any:
        state = _unpack(request.planned_state)
        if state:
            derived = _derive(request.type_name, state)
            state |= {name: value for name, value in derived.items() if isinstance(state[name], msgpack.ExtType)}
        _fill(self._schemas[request.type_name], state, _make_up)
        return MESSAGES["ApplyResponse"](new_state=_pack(state), legacy_type_system=True)

    def _read_data(self, request: Any) -> Any:
        state = _unpack(request.config) | _derive(f"data.{request.type_name}", {})
        _fill(self._schemas[f"data.{request.type_name}"], state, _make_up)
        return MESSAGES["DataResponse"](state=_pack(state))


@contextmanager
def serve(kinds: set[str], build: Path) -> Iterator[dict[str, str]]:
    """Serve both providers, and yield the environment in which `terraform` attaches to them.

    `terraform init` downloads nothing then. The wheels are in the folder `build`; what was read of them is kept there.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        attached = {}
        for number, (address, pattern) in enumerate(WHEELS.items()):
            [wheel] = (build / "wheels").glob(pattern)
            socket = f"{folder}/{number}"
            server = grpc.server(ThreadPoolExecutor(16))
            server.add_generic_rpc_handlers([Provider(load_schemas(wheel, kinds, build)).handler()])
            server.add_insecure_port(f"unix:{socket}")
            server.start()
            stack.callback(_stop, server)
            attached[address] = {
                "Protocol": "grpc",
                "ProtocolVersion": 5,
                "Pid": os.getpid(),
                "Test": True,
                "Addr": {"Network": "unix", "String": socket},
            }
        yield {
            "TF_REATTACH_PROVIDERS": json.dumps(attached),
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }


def _stop(server: grpc.Server) -> None:
    server.stop(0).wait()


def _derive(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    return DERIVED[kind](values) if kind in DERIVED else {}


def _schemas_message(schemas: dict[str, Block]) -> Any:
    answer = MESSAGES["Schemas"]()
    for kind, block in schemas.items():
        schema = MESSAGES["Schema"](block=_to_message(block))
        if kind == "provider":
            answer.provider.CopyFrom(schema)
        elif kind.startswith("data."):
            answer.data_source_schemas.add(key=kind.removeprefix("data.")).value.CopyFrom(schema)
        else:
            answer.resource_schemas.add(key=kind).value.CopyFrom(schema)
    return answer


def _to_message(block: Block) -> Any:
    message = MESSAGES["Block"]()
    for name, attribute in block.attributes.items():
        flags = attribute.model_dump(include={"required", "optional", "computed"})
        message.attributes.add(name=name, type=json.dumps(attribute.type).encode(), **flags)
    for name, nested in block.blocks.items():
        limits = {} if nested.nesting == "single" else {"min_items": nested.least, "max_items": nested.most}
        added = message.block_types.add(type_name=name, nesting=_NESTING[nested.nesting], **limits)
        added.block.CopyFrom(_to_message(nested.block))
    return message


def _unpack(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack, strict_map_key=False) if value.msgpack else json.loads(value.json or b"null")


def _pack(value: Any) -> Any:
    return MESSAGES["Value"](msgpack=msgpack.packb(value))


Path_ = tuple[str | int, ...]


def _find_wrong(block: Block, value: Any, path: Path_) -> Iterator[tuple[Path_, str, tuple[str, ...]]]:
    if not isinstance(value, dict):
        return
    for name, attribute in block.attributes.items():
        given = value.get(name)
        if attribute.choices and isinstance(given, str) and given not in attribute.choices:
            yield (*path, name), given, attribute.choices
    for name, nested in block.blocks.items():
        inside = value.get(name)
        for index, each in enumerate(inside if isinstance(inside, list) else [inside]):
            steps = (name, index) if nested.nesting == "list" else (name,)
            yield from _find_wrong(nested.block, each, (*path, *steps))


def _fill(block: Block, value: Any, make: Callable[[str, Type], Any]) -> None:
    """Set, in place, what the configuration leaves to Google."""
    if not isinstance(value, dict):
        return
    for name, attribute in block.attributes.items():
        if _is_open(attribute, value.get(name)):
            value[name] = make(name, attribute.type)
    for name, nested in block.blocks.items():
        inside = value.get(name)
        for each in inside if isinstance(inside, list) else [inside]:
            _fill(nested.block, each, make)


def _is_open(attribute: Attribute, value: Any) -> bool:
    return attribute.computed and (value is None or isinstance(value, msgpack.ExtType))


def _make_up(name: str, kind: Type) -> Any:
    if isinstance(kind, str):
        return {"string": f"standin-{name}", "number": 1, "bool": False}[kind]
    return {} if kind[0] in ("map", "object") else []
