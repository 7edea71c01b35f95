"""The proof: the figures of docs/policy.md and of the state machines, measured by one command (`make trust`)."""
