"""What Veo takes: `predictLongRunning` on the models of the 3.1 generation."""

from typing import Any

from tests.vertex.films import frame_size
from tests.vertex.strict import ASPECTS, folder, keys, labels, one_of, require
from tests.vertex.work import Work

MODELS = frozenset({"veo-3.1-generate-001", "veo-3.1-fast-generate-001", "veo-3.1-lite-generate-001"})
_INSTANCE = {"prompt", "image", "lastFrame", "video", "referenceImages"}
_PARAMETERS = {
    *("aspectRatio", "durationSeconds", "resolution", "sampleCount", "seed", "negativePrompt", "personGeneration"),
    *("generateAudio", "enhancePrompt", "resizeMode", "compressionQuality", "fps", "pubsubTopic"),
}


def read(model: str, body: Any) -> Work:
    """Raises `Refused`."""
    top = keys("request", body, needed={"instances", "parameters"}, allowed={"labels"})
    require(isinstance(top["instances"], list) and len(top["instances"]) == 1, "instances must have one element.")
    instance = keys("instances[0]", top["instances"][0], needed={"prompt"}, allowed=_INSTANCE)
    asked = keys("parameters", top["parameters"], needed={"storageUri"}, allowed=_PARAMETERS)
    require(isinstance(instance["prompt"], str) and instance["prompt"], "prompt must be a text.")
    require(not ("image" in instance and "video" in instance), "image and video can't be combined.")
    require("image" in instance or "lastFrame" not in instance, "lastFrame needs image.")
    require("lastFrame" not in instance or "lite" not in model, "lastFrame is not supported by this model.")
    references = _references(model, instance)
    _check(model, asked, extends="video" in instance)
    require(not references or asked.get("durationSeconds", 8) == 8, "referenceImages need durationSeconds 8.")
    width, height = frame_size(asked.get("aspectRatio", "16:9"), asked.get("resolution", "720p"))
    return Work(
        model=model,
        seconds=asked.get("durationSeconds", 8),
        width=width,
        height=height,
        audio=asked.get("generateAudio", True),
        storage_uri=folder("storageUri", asked["storageUri"]),
        labels=labels(top.get("labels", {})),
        images=(
            *(uri for key in ("image", "lastFrame") if (uri := _media(key, instance.get(key), _IMAGES))),
            *references,
        ),
        extends=_media("video", instance.get("video"), {"video/mp4"}),
    )


def _references(model: str, instance: Any) -> list[str]:
    found = instance.get("referenceImages", [])
    others = {"image", "lastFrame", "video"} & instance.keys()
    require(isinstance(found, list) and len(found) <= 3, "referenceImages must have at most 3 elements.")
    require(not found or not others, f"referenceImages can't be combined with {', '.join(sorted(others))}.")
    require(not found or "lite" not in model, "referenceImages is not supported by this model.")
    uris = []
    for image in found:
        keys("referenceImages", image, needed={"image", "referenceType"}, allowed=set())
        one_of("referenceType", str(image["referenceType"]).lower(), {"asset"})
        uris.append(str(_media("referenceImages.image", image["image"], _IMAGES)))
    return uris


_IMAGES = {"image/png", "image/jpeg"}


def _check(model: str, asked: Any, *, extends: bool) -> None:
    one_of("durationSeconds", asked.get("durationSeconds", 8), {7} if extends else {4, 6, 8})
    one_of("aspectRatio", asked.get("aspectRatio", "16:9"), ASPECTS)
    one_of("resolution", asked.get("resolution", "720p"), {"720p", "1080p"} if "lite" in model else _RESOLUTIONS)
    one_of("sampleCount", asked.get("sampleCount", 1), {1, 2, 3, 4})
    seed = asked.get("seed", 0)
    require(type(seed) is int and 0 <= seed < 2**32, "seed must be a uint32.")
    require(type(asked.get("generateAudio", True)) is bool, "generateAudio must be a boolean.")
    require(asked.get("enhancePrompt", True), "Veo 3 prompt enhancement cannot be disabled.")
    require(isinstance(asked.get("negativePrompt", ""), str), "negativePrompt must be a text.")


_RESOLUTIONS = frozenset({"720p", "1080p", "4k"})


def _media(where: str, found: Any, kinds: set[str]) -> str | None:
    if found is None:
        return None
    media = keys(where, found, needed={"mimeType"}, allowed={"gcsUri", "bytesBase64Encoded"})
    one_of(f"{where}.mimeType", media["mimeType"], kinds)
    require(str(media.get("gcsUri", "")).startswith("gs://"), f"{where}.gcsUri must be in Cloud Storage.")
    return str(media["gcsUri"])
