"""SAM 2 Demo: point at a thing in a video, get its mask in every frame.

The folders are layers, listed here from the highest to the lowest; a layer
imports only itself and the layers below it (``tests/unit/test_layers.py`` holds that):

    web          the page's own files: HTML, style sheets, JavaScript
    server       routes, streams, uploads, store of sessions, loaded models, API, Gradio's blocks
    data_engine  annotation in bulk: projects of a team, automatic masklets, statistics
    training     simulated prompts, rollout of a clip, losses, loop, named experiments, ablations
    evaluation   J, F, IoU; protocols; reports; the benchmark
    session      one person's work on one video: objects, prompts, history, review, what is saved
    tracking     how frames are computed: tracker, frame cache, memory bank, propagation
    datasets     clips with masks: published data sets, synthetic clips and their sources
    export       what people take away: videos, masks, run lengths, tables; the effects
    video        what people bring: probing, limited decoding, times, display, sound, scene cuts
    checkpoints  files and the hub: loading, downloading, checking, names of other libraries
    model        the network and its configurations: tensors in, tensors out
    core         prompts, masks, errors, frames, device: no torch modules, no gradio

A click travels through ``web/js/tools/editing.js``, ``server/routes/pages.py``,
``session/open_video.py``, ``session/session.py``, ``tracking/answering/prompting.py`` and
``tracking/tracker.py`` to the five methods of ``model/sam2.py``; its mask comes back the same way.
"""

import os

# Threads that wait for each other sleep instead of spinning: on busy cores that measured twelve
# to twenty times as fast. It has to be said before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
