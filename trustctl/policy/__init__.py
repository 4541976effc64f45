"""Pure decisions: facts and a moment in time in, verdicts and findings out."""
