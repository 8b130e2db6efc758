"""What goes over the wire for a request, and what comes of it: real requests, real films."""

import sys
from typing import Any

import pytest

from infra.media.probe import probe
from schemas.errors import Charged, SubmitRefused
from schemas.ports import GenerationDone
from schemas.services.reference_images import claim_image
from tests.images import data_url, png
from tests.vertex.rig import BUCKET, OMNI, VEO, VEO_FAST, Rig, a_clip, a_request

IMAGE = data_url(png())
LAST = data_url(png(width=4, height=2))


@pytest.mark.parametrize(("model", "made_s"), [(VEO, 18), (OMNI, 16)])
async def test_extensions_go_on_from_the_clip_before(rig: Rig, model: str, made_s: int) -> None:
    name = await rig.made(a_request(model=model, duration_seconds=16))
    found = probe(rig.folder / name)
    assert (found.duration_seconds, found.fps, found.width, found.height) == (made_s, 24, 1280, 720)
    assert sum(each.seconds for each in rig.vertex.books.accepted) == made_s
    assert len(set(rig.vertex.books.connections)) == rig.vertex.books.posts > 1


async def test_everything_that_veo_is_told(rig: Rig) -> None:
    request = a_request(
        model=VEO,
        duration_seconds=6,
        aspect_ratio="9:16",
        resolution="1080p",
        negative_prompt="text",
        style="noir",
        seed=3,
        generate_audio=False,
        project_id="Spring.Ads",
        labels={"team": "growth"},
    )
    await rig.ended(await rig.submit(request))
    (accepted,) = rig.vertex.books.accepted
    assert accepted.path == (
        f"/v1beta1/projects/acme/locations/us-central1/publishers/google/models/{VEO}:predictLongRunning"
    )
    assert accepted.body == {
        "instances": [{"prompt": "A harbour at dawn, gulls\n\nStyle: noir."}],
        "parameters": {
            "sampleCount": 1,
            "storageUri": f"gs://{BUCKET}/work/Job_1/0/1/",
            "durationSeconds": 6,
            "aspectRatio": "9:16",
            "resolution": "1080p",
            "generateAudio": False,
            "negativePrompt": "text",
            "seed": 3,
        },
        "labels": {
            "team": "growth",
            "reelbus_job": "job_1",
            "reelbus_project": "spring-ads",
            "reelbus_quality": "fast",
        },
    }


async def test_everything_that_omni_is_told(rig: Rig) -> None:
    request = a_request(model=OMNI, duration_seconds=7, negative_prompt="text", seed=3, resolution="1080p")
    await rig.ended(await rig.submit(request))
    (accepted,) = rig.vertex.books.accepted
    assert accepted.path == "/v1beta1/projects/acme/locations/global/interactions"
    words = {"type": "text", "text": "A harbour at dawn, gulls\n\nDo not show: text."}
    assert accepted.body == {
        "model": OMNI,
        "input": [{"type": "user_input", "content": [words]}],
        "background": True,
        "store": True,
        "response_format": [
            {
                "type": "video",
                "delivery": "uri",
                "gcs_uri": f"gs://{BUCKET}/work/Job_1/0/1/",
                "aspect_ratio": "16:9",
                "resolution": "1080p",
                "duration": "7s",
            }
        ],
        "generation_config": {"video_config": {"task": "text_to_video"}, "seed": 3},
        "labels": {"reelbus_job": "job_1", "reelbus_quality": "fast"},
    }


@pytest.mark.parametrize("model", [VEO, OMNI])
async def test_a_first_frame_is_named_not_sent(rig: Rig, model: str) -> None:
    request = await claim_image(a_request(model=model, reference_image=IMAGE, duration_seconds=4), rig.videos)
    await rig.ended(await rig.submit(request))
    sent = rig.vertex.books.accepted[0].body
    name = (request.reference_image or "").removeprefix("reelbus:")
    if model == VEO:
        assert sent["instances"][0]["image"] == {"gcsUri": f"gs://{BUCKET}/{name}", "mimeType": "image/png"}
    else:
        image = {"type": "image", "uri": f"gs://{BUCKET}/{name}", "mime_type": "image/png"}
        assert sent["input"][0]["content"][1] == image
        assert sent["generation_config"]["video_config"]["task"] == "image_to_video"


@pytest.mark.parametrize("model", [VEO, VEO_FAST])
async def test_a_first_and_a_last_frame_are_named_not_sent(rig: Rig, model: str) -> None:
    asked = a_request(model=model, reference_image=IMAGE, last_image=LAST, duration_seconds=6)
    request = await claim_image(asked, rig.videos)
    await rig.ended(await rig.submit(request))
    sent = rig.vertex.books.accepted[0].body
    first, last = (name.removeprefix("reelbus:") for name in request.images.values())
    assert first != last
    assert sent["instances"][0]["image"] == {"gcsUri": f"gs://{BUCKET}/{first}", "mimeType": "image/png"}
    assert sent["instances"][0]["lastFrame"] == {"gcsUri": f"gs://{BUCKET}/{last}", "mimeType": "image/png"}
    assert "referenceImages" not in sent["instances"][0]
    assert sent["parameters"]["durationSeconds"] == 6


@pytest.mark.parametrize("model", [VEO, VEO_FAST])
async def test_reference_images_are_named_not_sent_and_need_a_clip_of_8_s(rig: Rig, model: str) -> None:
    elsewhere = f"gs://{BUCKET}/references/shared.jpg"
    await rig.videos.put("references/shared.jpg", b"image", content_type="image/jpeg")
    asked = a_request(model=model, reference_images=[IMAGE, LAST], duration_seconds=5)
    request = await claim_image(asked, rig.videos)
    request = request.model_copy(update={"reference_images": (*request.reference_images, elsewhere)})
    (clip,) = rig.model.plan(request).clips
    assert (clip.seconds, clip.billed_seconds) == (8, 8)
    await rig.ended(await rig.submit(request))
    sent = rig.vertex.books.accepted[0].body
    names = [f"gs://{BUCKET}/{name.removeprefix('reelbus:')}" for name in request.reference_images[:2]]
    images = [{"gcsUri": name, "mimeType": "image/png"} for name in names]
    images.append({"gcsUri": elsewhere, "mimeType": "image/jpeg"})
    assert [each["image"] for each in sent["instances"][0]["referenceImages"]] == images
    assert {each["referenceType"].lower() for each in sent["instances"][0]["referenceImages"]} == {"asset"}
    assert sent["instances"][0].keys() == {"prompt", "referenceImages"}
    assert sent["parameters"]["durationSeconds"] == 8


@pytest.mark.parametrize("model", [VEO, VEO_FAST])
@pytest.mark.parametrize(
    "gone", [{"reference_image": IMAGE, "last_image": LAST}, {"reference_images": [IMAGE, LAST]}], ids=["last", "shown"]
)
async def test_an_image_that_is_gone_at_the_submit_is_refused_without_a_charge(
    rig: Rig, model: str, gone: dict[str, Any]
) -> None:
    request = await claim_image(a_request(model=model, duration_seconds=8, **gone), rig.videos)
    await rig.videos.delete([*request.images.values()][-1].removeprefix("reelbus:"))
    with pytest.raises(SubmitRefused, match="was not found") as caught:
        await rig.submit(request)
    assert caught.value.failure.charged is Charged.NO
    assert rig.vertex.books.accepted == []


@pytest.mark.parametrize("model", [VEO, OMNI])
async def test_any_process_can_poll_and_find_the_file(rig: Rig, model: str) -> None:
    operation = await rig.submit(a_request(model=model, duration_seconds=4))
    other = rig.another()
    assert await other.poll(operation) == GenerationDone(outputs=tuple(await other.recover("work/Job_1/0/1/")))
    await other.discard(operation)
    await other.aclose()
    assert not {"vertexai", "google.cloud.aiplatform"} & sys.modules.keys()


async def test_a_plan_of_another_version_is_not_guessed_at(rig: Rig) -> None:
    request = a_request()
    planned = rig.model.plan(request).clips[0].model_copy(update={"model": "veo-9"})
    with pytest.raises(SubmitRefused, match="can't make clip 0 of the plan at veo-9"):
        await rig.model.submit(request, a_clip(planned), (), send_before=1e9)
    assert rig.vertex.books.posts == 0
