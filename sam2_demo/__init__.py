"""SAM 2 Demo: point at a thing in a video, get its mask in every frame.

The folders are layers, listed here from the highest to the lowest; a layer
imports only itself and the layers below it (``tests/test_layers.py`` holds that):

    ui            the Gradio page, the annotator component, routes, callbacks
    training      simulated prompts, rollout of a clip, losses, loop, experiments
    evaluation    J, F, IoU; protocols; the benchmark
    inference     image predictor, video session, session store
    data          clips, data sets, synthetic clips
    media         video reading in a limited subprocess, exports
    model         the network, its configurations, checkpoints
    core          prompts, masks, errors, frames, device: no torch modules, no gradio
"""

import os

# Threads that wait for each other sleep instead of spinning: on busy cores that measured twelve
# to twenty times as fast. It has to be said before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
