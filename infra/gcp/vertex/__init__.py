"""The paid video models of Vertex AI."""
