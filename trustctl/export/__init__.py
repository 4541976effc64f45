"""Pure compilers: what is trusted in, files as bytes out."""
