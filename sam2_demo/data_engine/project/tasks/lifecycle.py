"""What becomes of a masklet after a verdict, and what each phase allows: rules without a database.

Source: arXiv 2408.00714, section 5.1 (the three phases, verification) and its automatic masklets.
"""

import hashlib
from dataclasses import dataclass

from sam2_demo.data_engine.project.store.tables import MaskletState, Verdict

AUTOMATIC = 0
"""The phase of masklets that the model made alone."""
PHASES = {
    1: "SAM per frame",
    2: "SAM 2 Mask",
    3: "SAM 2",
}
CORRECTING = 3
"""The phase in which unsatisfactory masklets are corrected, whichever made them."""
MOST_REFUSALS = 3
ANNOTATED_EVERY = 4
"""Every fourth frame is annotated, as in SA-V: 6 a second of a video that plays at 24."""

_ALWAYS = frozenset(
    {"prompt", "clear_prompt", "clear_object", "settings", "undo", "redo", "masks", "review"}
    | {"candidates", "preview", "encode", "dismiss", "stop", "scenes"}
)
_WITH_MEMORY = frozenset({"propagate", "check"})
_ALLOWED = {1: _ALWAYS, 2: _ALWAYS | _WITH_MEMORY, 3: _ALWAYS | _WITH_MEMORY}


def is_allowed(phase: int, action: str) -> bool:
    """Returns whether an annotator may do this in a phase; phase 1 has no memory.

    What would open other videos, other models or other objects belongs to no task.
    """
    return action in _ALLOWED[phase]


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a masklet.

    Attributes:
        state: Where it is then.
        refusals: How many unsatisfactory verdicts it has then.
    """

    state: MaskletState
    refusals: int

    @property
    def goes_back(self) -> bool:
        """Whether it is to be corrected, in phase 3."""
        return self.state is MaskletState.ANNOTATING


def after_verdict(verdict: Verdict, phase: int, refusals: int, is_sampled: bool) -> Judged:
    """Returns what becomes of a masklet.

    Args:
        verdict: What was said.
        phase: The phase in which it was annotated last; 0 if the model made it alone.
        refusals: Its unsatisfactory verdicts before this one.
        is_sampled: Whether it is corrected if it is automatic and fails.
    """
    if verdict is Verdict.SATISFACTORY:
        return Judged(MaskletState.VERIFIED, refusals)
    if verdict is Verdict.NOT_AN_OBJECT:
        return Judged(MaskletState.REJECTED, refusals)
    refusals += 1
    is_left = phase == AUTOMATIC and not is_sampled
    if is_left or refusals >= MOST_REFUSALS:
        return Judged(MaskletState.REJECTED, refusals)
    return Judged(MaskletState.ANNOTATING, refusals)


def is_sampled(masklet_id: int, rate: float) -> bool:
    """Returns whether a masklet is among a share of them: at random, but always the same."""
    digest = hashlib.sha256(f"masklet {masklet_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < rate * 2**64
