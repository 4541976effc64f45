"""Real processes killed, starved, refused and fed with what nobody should trust."""
