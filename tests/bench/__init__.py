"""Benchmarks: ratios against what users would use instead; never part of the test suite."""
