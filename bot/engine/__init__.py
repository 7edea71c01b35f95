"""The engine room: durable runs on DBOS. The only room that imports dbos (reference/engine.md)."""
