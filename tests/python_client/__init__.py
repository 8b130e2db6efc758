"""The Python client: its rules without a transport, and against real facades, workers and Google's emulator."""
