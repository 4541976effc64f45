"""One module per noun: options in, one core call, a rendered answer out."""
