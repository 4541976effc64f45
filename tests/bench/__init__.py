"""Benchmarks: ratios against what users would use instead; never part of the test suite.

``tests/bench/run`` prints them all in one run (share/doc/benchmarks.md says what the rows mean).
"""
