"""The paper's training recipe: simulated prompts, rollout, losses, loop, experiments."""
