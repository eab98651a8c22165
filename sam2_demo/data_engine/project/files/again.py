"""Has objects annotated again in a later phase, so that both annotations can be compared."""

import json
from collections.abc import Mapping

import numpy as np
from sqlalchemy import select

from sam2_demo.data_engine.project.files.importing import is_known
from sam2_demo.data_engine.project.store.database import Database
from sam2_demo.data_engine.project.store.tables import MaskletRow, MaskletState, TaskKind
from sam2_demo.data_engine.project.tasks.lifecycle import is_sampled
from sam2_demo.data_engine.project.tasks.queue import add_task
from sam2_demo.data_engine.project.tasks.verdicts import latest_submission
from sam2_demo.data_engine.project.tasks.work import masks_of, unpacked


def annotate_again(database: Database, phase: int, share: float) -> int:
    """Returns how many new tasks there are for objects that phase 1 annotated.

    Args:
        database: The project's.
        phase: 2 or 3.
        share: Of the verified masklets of phase 1.
    """
    first = select(MaskletRow.id).where(
        MaskletRow.state == MaskletState.VERIFIED, MaskletRow.phase == 1
    )
    hints: dict[int, str] = {}
    with database.reads() as session:
        for masklet_id in session.scalars(first.order_by(MaskletRow.id)):
            if is_sampled(masklet_id, share):
                masks = masks_of(unpacked(latest_submission(session, masklet_id).work))
                frame = min(masks)
                hints[masklet_id] = json.dumps([frame, *_inside(masks[frame].decode())])
    return _add(database, phase, hints)


def _add(database: Database, phase: int, hints: Mapping[int, str]) -> int:
    """Adds tasks; returns how many. Hints are frame, x and y by masklet, as JSON."""
    added = 0
    with database.changes() as session:
        for masklet_id, hint in hints.items():
            first = session.get_one(MaskletRow, masklet_id)
            origin = f"masklet {masklet_id} in phase {phase}"
            if is_known(session, first.video_id, origin):
                continue
            masklet = MaskletRow(
                video_id=first.video_id,
                state=MaskletState.ANNOTATING,
                phase=phase,
                refusals=0,
                origin=origin,
                same_as=masklet_id,
                hint=hint,
            )
            add_task(session, masklet, TaskKind.ANNOTATE)
            added += 1
    return added


def _inside(mask: np.ndarray) -> tuple[float, float]:
    """Returns the x and y of a pixel inside a mask, that next to the middle of them all."""
    ys, xs = np.nonzero(mask)
    nearest = int(np.argmin((ys - ys.mean()) ** 2 + (xs - xs.mean()) ** 2))
    return float(xs[nearest]), float(ys[nearest])
