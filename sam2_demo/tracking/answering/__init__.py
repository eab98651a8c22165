"""How prompts are answered: entering them, stage by stage, refining what was tracked."""
