"""Asks for a video over Pub/Sub with Google's client and plain JSON: nothing of reelbus is installed here.

    python python_publisher.py my-project order-42 "A red bicycle turns slowly on white" 8

It doesn't wait. How the job ended is on the topic `video-completions`: see python_subscriber.py.
"""

import argparse
import json

from google.cloud.pubsub_v1 import PublisherClient


def publish(project: str, job_id: str, prompt: str, seconds: int) -> str:
    """Puts the request on the bus; Pub/Sub's id of the message.

    `job_id` makes it one job, however often the message is sent: choose it before you send, and keep it.
    """
    request = {"job_id": job_id, "prompt": prompt, "duration_seconds": seconds, "labels": {"team": "growth"}}
    publisher = PublisherClient()
    topic = publisher.topic_path(project, "video-requests")
    attributes = {"job_id": job_id, "ce-type": "reelbus.video.requested.v1"}
    sent = publisher.publish(topic, json.dumps(request).encode(), **attributes)
    return str(sent.result(timeout=30))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Asks for a video over Pub/Sub.")
    parser.add_argument("project")
    parser.add_argument("job_id", help="letters, digits, - and _; the same id is the same video for ever")
    parser.add_argument("prompt", help="10 to 2000 characters")
    parser.add_argument("seconds", type=int, nargs="?", default=5, help="1 to 30")
    order = parser.parse_args()
    message_id = publish(order.project, order.job_id, order.prompt, order.seconds)
    print(f"{order.job_id} is on the bus as message {message_id}")


if __name__ == "__main__":
    main()
