"""Vertex AI's evaluation service.

`google.cloud.aiplatform_v1beta1` takes seconds and 130 MB to import, so that only the evaluator's process imports this
package.
"""
