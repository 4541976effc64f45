"""The tests mirror the package's layers."""
