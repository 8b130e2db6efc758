"""Signs the manifest of a made video. `sign` runs in a child process: it parses the manifests of files from outside.

The library gets no network: it neither fetches manifests from the addresses in a file nor asks about certificates.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import c2pa
from PIL import Image

from infra.media.container import NotPlayable, open_video, picture_in, read_packets
from infra.provenance.certificate import SigningCertificate
from infra.provenance.manifest import has_manifest
from schemas.ports import SourcePart

_MP4 = "video/mp4"
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": 64},
    "builder": {"thumbnail": {"enabled": False}},
}
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_GENERATED = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
_PARTLY_GENERATED = f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
_COMPOSITE = f"{_SOURCE_TYPES}composite"
_ALL_OF_IT_S = 0.1
"""A source that is shown for so much less than its length was trimmed. Containers say their length imprecisely."""


def sign(
    made: Path,
    parts: Sequence[SourcePart],
    to: Path,
    certificate: SigningCertificate,
    version: str,
    is_composite: bool,
    adds_more: bool,
) -> None:
    """Write the video with a manifest that has each source as an ingredient. Raises the errors of the library."""
    # Neutral titles: every viewer of the video can read them.
    titles = {file: f"source {number}" for number, file in enumerate(dict.fromkeys(part.file for part in parts), 1)}
    with c2pa.Context.from_dict(_SETTINGS) as context:
        lengths = {file: _length(file) for file in (made, *titles)}
        if is_composite:
            source_type = _find_source_type(context, titles, adds_more=adds_more)
            actions = list(_list_joins(parts, titles, lengths, made, source_type))
        else:
            (file,) = titles
            actions = list(_list_edits(file, titles[file], made, lengths))
        relationship = "componentOf" if is_composite else "parentOf"
        ingredients = {
            file: {"title": title, "label": title, "relationship": relationship} for file, title in titles.items()
        }
        definition = {
            "claim_generator_info": [{"name": "reelbus", "version": version}],
            "format": _MP4,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
        }
        _write(context, definition, ingredients, made, to, certificate)


def try_certificate(certificate: SigningCertificate) -> None:
    """Sign a picture of our own in memory. Raises the error of the library if it refuses the certificate."""
    picture, to = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (16, 16)).save(picture, format="PNG")
    picture.seek(0)
    action = {"action": "c2pa.created", "digitalSourceType": f"{_SOURCE_TYPES}digitalCreation"}
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}]
    with c2pa.Context.from_dict(_SETTINGS) as context, _open_signer(certificate) as signer:
        builder = c2pa.Builder({"claim_generator_info": [{"name": "reelbus"}], "assertions": assertions}, context)
        builder.sign(signer, "image/png", picture, to)


def _write(
    context: c2pa.Context,
    definition: dict[str, Any],
    ingredients: Mapping[Path, dict[str, str]],
    made: Path,
    to: Path,
    certificate: SigningCertificate,
) -> None:
    with c2pa.Builder(definition, context) as builder, _open_signer(certificate) as signer:
        for file, ingredient in ingredients.items():
            with file.open("rb") as stream:
                builder.add_ingredient(ingredient, _MP4, stream)
        with made.open("rb") as source, to.open("w+b") as target:
            builder.sign(signer, _MP4, source, target)
    with to.open("rb") as stream, c2pa.Reader(_MP4, stream, context=context) as reader:
        state = reader.get_validation_state()
    if state not in ("Valid", "Trusted"):
        raise ValueError(f"what was signed is {state}")


def _open_signer(certificate: SigningCertificate) -> c2pa.Signer:
    info = c2pa.C2paSignerInfo(certificate.algorithm, certificate.chain.encode(), certificate.key.encode(), None)
    return c2pa.Signer.from_info(info)


def _list_edits(file: Path, title: str, made: Path, lengths: Mapping[Path, float]) -> Iterator[dict[str, Any]]:
    """Yield what was done to one source."""
    yield {"action": "c2pa.opened", "parameters": {"ingredientIds": [title]}}
    if lengths[made] < lengths[file] - _ALL_OF_IT_S:
        yield {"action": "c2pa.trimmed"}
    # With the same first packet the picture was copied into another container without a new encoding.
    yield {"action": "c2pa.repackaged" if _first_packet(file) == _first_packet(made) else "c2pa.transcoded"}


def _list_joins(
    parts: Sequence[SourcePart],
    titles: Mapping[Path, str],
    lengths: Mapping[Path, float],
    made: Path,
    source_type: str,
) -> Iterator[dict[str, Any]]:
    """Yield what was made of several sources. Times are of the made video."""
    yield {"action": "c2pa.created", "digitalSourceType": source_type}
    for part in parts:
        about = {"parameters": {"ingredientIds": [titles[part.file]]}}
        if part.shown_s is None:
            yield {"action": "c2pa.placed", **about}
            continue
        begin, end = part.shown_s
        time = {"type": "npt", "start": f"{begin:g}", "end": f"{end:g}"}
        if end - begin < lengths[part.file] - _ALL_OF_IT_S:
            yield {"action": "c2pa.trimmed", **about}
        yield {"action": "c2pa.placed", **about, "changes": [{"region": [{"type": "temporal", "time": time}]}]}
    is_whole = all(part.shown_s is None for part in parts)
    if is_whole and lengths[made] < sum(lengths[part.file] for part in parts) - _ALL_OF_IT_S:
        yield {"action": "c2pa.trimmed"}
    yield {"action": "c2pa.transcoded"}


def _find_source_type(context: c2pa.Context, files: Sequence[Path] | Mapping[Path, str], *, adds_more: bool) -> str:
    """Return the digital source type of what was made of these files, by what their manifests say.

    It is made by a model alone only if each source is, and nothing was added.
    """
    types = [_read_source_types(context, file) for file in files]
    if not adds_more and all(found == {_GENERATED} for found in types):
        return _GENERATED
    return _PARTLY_GENERATED if {_GENERATED, _PARTLY_GENERATED} & set(chain(*types)) else _COMPOSITE


def _read_source_types(context: c2pa.Context, file: Path) -> set[str]:
    """Return the source types that any manifest of the file names: also those of its own sources."""
    if not has_manifest(file):
        return set()
    with file.open("rb") as stream, c2pa.Reader(_MP4, stream, context=context) as reader:
        manifests = json.loads(reader.json())["manifests"].values()
    assertions = [each for manifest in manifests for each in manifest.get("assertions", [])]
    actions = [
        action
        for assertion in assertions
        if str(assertion.get("label")).startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    return {str(action["digitalSourceType"]) for action in actions if "digitalSourceType" in action}


def _length(path: Path) -> float:
    with open_video(path) as container:
        return (container.duration or 0) / 1_000_000


def _first_packet(path: Path) -> bytes:
    with open_video(path) as container:
        stream = picture_in(container)
        if stream is None:
            raise NotPlayable(f"{path.name} has no picture")
        return bytes(next(read_packets(container, stream)))
