"""Measures the figures of speed: `python -m benchmarks`."""
