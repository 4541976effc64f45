"""The systemd units, run by a real systemd in namespaces of its own."""
