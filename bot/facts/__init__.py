"""Facts: read-only, timestamped observations; used to enrich, to pre-check and to verify. One file per kind."""
