"""Sends many seeded mutations to the routes and the reader of session files; prints each fault.

    python tests/bench/fuzz.py --count 10000 --seed 1

The suite runs the same for a few seconds.
"""

import argparse
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path[:0] = [str(TOP), *(str(TOP / "tests" / "support" / name) for name in (".", "stand_ins"))]

from fuzzing import fuzz_bodies, fuzz_sessions  # noqa: E402
from small_app import client_of, open_small, small_state  # noqa: E402

from sam2_demo.core.prompts import FramePrompt, Point  # noqa: E402
from sam2_demo.server.sessions.store import token_of  # noqa: E402
from sam2_demo.session.session_file import session_as_text  # noqa: E402


def main() -> int:
    """Returns 1 if anything ended as by a bug."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = small_state(Path(folder))
        with client_of(state) as client:
            video = open_small(state)
            video.set_prompt(0, 1, FramePrompt((Point(20, 20),)))
            good = session_as_text(video.save_session())
            faults = fuzz_bodies(client, token_of(video), options.seed, options.count)
        faults += fuzz_sessions(good, Path(folder), options.seed, options.count)
    print(*faults, f"{len(faults)} faults in {2 * options.count}", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
