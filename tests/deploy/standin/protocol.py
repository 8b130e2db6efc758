"""Terraform's plugin protocol, version 5: the messages and calls that a provider without a cloud needs.

https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol has the whole file; fields that are left out
here are skipped when they are read.
"""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_SCALARS = {
    "bytes": Field.TYPE_BYTES,
    "string": Field.TYPE_STRING,
    "bool": Field.TYPE_BOOL,
    "int64": Field.TYPE_INT64,
    "enum": Field.TYPE_INT64,
}
"""An enumeration is a number on the wire."""
_PACKAGE = "reelbus_standin"
_FIELDS = {
    "Value": "bytes msgpack=1, bytes json=2",
    "PathStep": "string attribute_name=1, string element_key_string=2, int64 element_key_int=3",
    "Path": "repeated PathStep steps=1",
    "Diagnostic": "enum severity=1, string summary=2, string detail=3, Path attribute=4",
    "Attribute": "string name=1, bytes type=2, bool required=4, bool optional=5, bool computed=6",
    "NestedBlock": "string type_name=1, Block block=2, enum nesting=3, int64 min_items=4, int64 max_items=5",
    "Block": "int64 version=1, repeated Attribute attributes=2, repeated NestedBlock block_types=3",
    "Schema": "int64 version=1, Block block=2",
    "NamedSchema": "string key=1, Schema value=2",
    "RawState": "bytes json=1",
    "Empty": "",
    "Schemas": "Schema provider=1, repeated NamedSchema resource_schemas=2, repeated NamedSchema data_source_schemas=3",
    "PrepareRequest": "Value config=1",
    "PrepareResponse": "Value prepared_config=1, repeated Diagnostic diagnostics=2",
    "ConfigRequest": "string type_name=1, Value config=2",
    "ConfigureRequest": "string terraform_version=1, Value config=2",
    "Diagnostics": "repeated Diagnostic diagnostics=1",
    "UpgradeRequest": "string type_name=1, int64 version=2, RawState raw_state=3",
    "UpgradeResponse": "Value upgraded_state=1, repeated Diagnostic diagnostics=2",
    "ReadRequest": "string type_name=1, Value current_state=2",
    "ReadResponse": "Value new_state=1, repeated Diagnostic diagnostics=2",
    "PlanRequest": "string type_name=1, Value prior_state=2, Value proposed_new_state=3, Value config=4",
    "PlanResponse": "Value planned_state=1, repeated Path requires_replace=2, bytes planned_private=3,"
    " repeated Diagnostic diagnostics=4, bool legacy_type_system=5",
    "ApplyRequest": "string type_name=1, Value prior_state=2, Value planned_state=3, Value config=4",
    "ApplyResponse": "Value new_state=1, bytes private=2, repeated Diagnostic diagnostics=3, bool legacy_type_system=4",
    "DataResponse": "Value state=1, repeated Diagnostic diagnostics=2",
    "StopResponse": "string error=1",
}
CALLS = {
    "GetSchema": ("Empty", "Schemas"),
    "PrepareProviderConfig": ("PrepareRequest", "PrepareResponse"),
    "ValidateResourceTypeConfig": ("ConfigRequest", "Diagnostics"),
    "ValidateDataSourceConfig": ("ConfigRequest", "Diagnostics"),
    "UpgradeResourceState": ("UpgradeRequest", "UpgradeResponse"),
    "Configure": ("ConfigureRequest", "Diagnostics"),
    "ReadResource": ("ReadRequest", "ReadResponse"),
    "PlanResourceChange": ("PlanRequest", "PlanResponse"),
    "ApplyResourceChange": ("ApplyRequest", "ApplyResponse"),
    "ReadDataSource": ("ConfigRequest", "DataResponse"),
    "Stop": ("Empty", "StopResponse"),
}


def _describe() -> FileDescriptorProto:
    file = FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field in filter(None, fields.split(", ")):
            *label, kind, numbered = field.split()
            field_name, number = numbered.split("=")
            added = message.field.add(name=field_name, number=int(number))
            added.label = Field.LABEL_REPEATED if label else Field.LABEL_OPTIONAL
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
            else:
                added.type, added.type_name = Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    return file


_POOL = DescriptorPool()
_POOL.Add(_describe())
MESSAGES: dict[str, Any] = {
    name: GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _FIELDS
}


def handler_of(answers: dict[str, Callable[[Any], Any]]) -> grpc.GenericRpcHandler:
    """Build the gRPC service from a function for each call."""
    methods = {
        call: grpc.unary_unary_rpc_method_handler(
            lambda request, _, answer=answers[call]: answer(request),
            request_deserializer=MESSAGES[request].FromString,
            response_serializer=MESSAGES[response].SerializeToString,
        )
        for call, (request, response) in CALLS.items()
    }
    return grpc.method_handlers_generic_handler("tfplugin5.Provider", methods)
