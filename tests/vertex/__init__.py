"""A Vertex AI at the level of the wire, and what it proves about the adapter that talks to it."""
