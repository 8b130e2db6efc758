"""The facade and the use cases under it, over the embedded adapters on a temporary folder."""
