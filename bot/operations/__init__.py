"""Operations: guard-decorated pure planners, one file per area; they turn a step and facts into an act."""
