"""Recorders deliver transcript entries to one destination each, once and in order. Driven by the outbox."""
