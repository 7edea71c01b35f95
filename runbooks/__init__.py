"""Runbooks know what comes next: model, loader, matching, next step. Pure code; the data is in catalog/."""
