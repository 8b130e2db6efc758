"""The infrastructure layer: the only package that knows Google, databases and codecs."""
