"""Google Cloud behind the ports: Pub/Sub, Firestore, Cloud Storage, and the video models of Vertex AI."""
