"""The score of a video against its prompt: the evaluator, and Google's client against a server on the wire."""
