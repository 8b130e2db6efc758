"""One suite per port: what every adapter promises."""
