"""trustctl: which certificate belongs to which mail peer, and who says so."""

__version__ = "0.1.0"
