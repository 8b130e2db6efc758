"""What protects a paid call, for every family of models: one request for each permit, and what its answer means.

A family describes its answers in an `AnswerClassifier`, sends through a `PaidTransport`, and submits with `send_once`.
"""
