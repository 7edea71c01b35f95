"""Adapters carry an act to its target. One file per kind; hard blocks for forbidden acts live here, in code."""
