"""The bus on Google Cloud Pub/Sub."""
