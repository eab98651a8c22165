"""Set-up for all tests: shapes are checked at run time, nothing reaches the network.

The import hook has to be in place before the package is imported for the first
time; it makes beartype check every annotation, tensor shapes included.
"""

import os
import tempfile

from jaxtyping import install_import_hook

_HUB_CACHE = tempfile.TemporaryDirectory(prefix="sam2_demo_hub_")

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the package does, but before torch
os.environ["HF_HOME"] = _HUB_CACHE.name
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # the discard port: refused at once
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

install_import_hook("sam2_demo", "typechecker.check")

import torch  # noqa: E402

# One thread: the tests' models are so small that waiting for a second one costs more than it does.
torch.set_num_threads(1)
