"""An endpoint of the settings hears of a real job, and verifies it with what the facade shows: its secret, the keys."""

import base64
import hmac
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.courier.receivers import Receiver, receiving
from tests.e2e.processes import House, client_of

KEY = "whsk_" + base64.b64encode(bytes(range(32))).decode()


async def test_an_endpoint_hears_of_a_job_that_names_no_webhook(house: House) -> None:
    async with receiving(Receiver()) as receiver:
        endpoint = {"name": "crm", "url": receiver.url, "events": ["succeeded"], "labels": {"team": "growth"}}
        settings = {"REELBUS_WEBHOOK_SECRETS": KEY, "REELBUS_WEBHOOK_NETWORKS": "127.0.0.0/8"}
        endpoints = {"REELBUS_WEBHOOK_ENDPOINTS": json.dumps([endpoint])}
        both = House(house.folder, house.log, settings | endpoints)
        with both.facade() as (_, url), both.worker():
            async with client_of(url) as client:
                body = {"prompt": "A harbour at dawn", "duration_seconds": 1}
                for job_id, team in (("other", "ops"), ("heard", "growth")):
                    given = {**body, "job_id": job_id, "labels": {"team": team}}
                    assert (await client.post("/api/videos/generate", json=given)).status_code == 200
                await receiver.until(1)
                secret = (await client.get("/api/webhooks/secret", params={"endpoint": "crm"})).json()["secret"]
                [jwk] = (await client.get("/.well-known/jwks.json")).json()["keys"]
    [(headers, posted)] = receiver.got
    assert (headers["webhook-id"], json.loads(posted)["data"]["video_id"]) == ("heard-1-succeeded", "heard")
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + posted
    v1, v1a = (part.partition(",")[2] for part in headers["webhook-signature"].split(" "))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert base64.b64decode(v1) == hmac.digest(key, content, "sha256")
    Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "=")).verify(base64.b64decode(v1a), content)
    assert "secret-1" not in house.log.read_text()
