"""The paper's training: prompts, corrections, losses, augmentation."""
