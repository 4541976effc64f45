"""The outside world by network: what hosts present and what DNS says, trusted for nothing."""
