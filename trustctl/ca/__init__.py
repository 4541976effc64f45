"""The private CA: keys, drafts, lint, signatures, revocation. Pure but for key files."""
