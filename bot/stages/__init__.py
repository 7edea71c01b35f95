"""Stages: one verb each. bot/triage.py and bot/flow.py put them in order and read aloud."""
