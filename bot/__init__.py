"""The bot: connects guards, runbooks and templates to the world. See docs/architecture.md."""
