"""The paper's training recipe: simulated prompts, rollout, losses, training loop, experiments."""
