"""The clients of others, against a real facade and a real worker. `make clients` installs and runs them."""
