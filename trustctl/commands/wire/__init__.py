"""What the commands that look at hosts share: whom to dial, how, and what came of it."""
