"""The app database: one file per concept, each with its table(s) and plain functions that take a session first.

Called by triage, flow, requests, the outbox and the CLI through `Store.read` and `Store.write`.
Must not talk to the network, read a clock or word anything for people.
"""
