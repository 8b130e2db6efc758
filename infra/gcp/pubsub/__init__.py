"""The bus on Google Cloud Pub/Sub."""

from typing import TYPE_CHECKING

from schemas.former import former_names

if not TYPE_CHECKING:  # for the type checker only what is here exists
    __getattr__ = former_names(__name__)
