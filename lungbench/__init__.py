"""Benchmark the training of diagnostic networks on chest X-rays, honestly."""

__version__ = "0.1.0"
