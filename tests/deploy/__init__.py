"""Checks of infra/deploy without a cloud or an account. `make deploy-check` runs them, and `make test` does not."""
