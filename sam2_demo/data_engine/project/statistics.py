"""What annotation costs in each phase, and how far it agrees with phase 1, beside the paper's.

Source: arXiv 2408.00714, table 1.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sam2_demo.data_engine.project.store.database import Database
from sam2_demo.data_engine.project.store.tables import AgreementRow, SubmissionRow
from sam2_demo.data_engine.project.tasks.agreement import SIZES
from sam2_demo.data_engine.project.tasks.lifecycle import PHASES

ALL = "all"


@dataclass(frozen=True, slots=True)
class PhaseFigures:
    """The figures of one phase; None where there is nothing to count.

    Attributes:
        submissions: How many masklets were submitted.
        seconds: Of active work a frame.
        edited: The share of frames that were edited, in percent.
        clicks: Clicks a frame that was clicked.
        agreement: By size, the share of masks that agree with phase 1's, in percent.
    """

    submissions: int | None
    seconds: float | None
    edited: float | None
    clicks: float | None
    agreement: Mapping[str, float] = field(default_factory=dict)

    def values(self) -> list[float | None]:
        """Returns the figures in the order of the columns."""
        shares = [self.agreement.get(size) for size in (ALL, *SIZES)]
        return [self.submissions, self.seconds, self.edited, self.clicks, *shares]


COLUMNS = (
    "submissions",
    "seconds a frame",
    "edited frames (%)",
    "clicks a clicked frame",
    *(f"agreement with phase 1, {size} (%)" for size in (ALL, *SIZES)),
)

PAPER = {
    1: PhaseFigures(None, 37.8, 100.0, 4.80),
    2: PhaseFigures(
        None, 7.4, 23.25, 3.61, {ALL: 86.4, "small": 71.3, "medium": 80.4, "large": 97.9}
    ),
    3: PhaseFigures(
        None, 4.5, 19.04, 2.68, {ALL: 89.1, "small": 72.8, "medium": 81.8, "large": 100.0}
    ),
}


def figures(database: Database) -> dict[int, PhaseFigures]:
    """Returns the figures of each phase over everything that people submitted in it."""
    sums = (
        func.count(),
        func.sum(SubmissionRow.seconds),
        func.sum(SubmissionRow.frames),
        func.sum(SubmissionRow.edited_frames),
        func.sum(SubmissionRow.clicks),
        func.sum(SubmissionRow.clicked_frames),
    )
    by_phase = select(SubmissionRow.phase, *sums).group_by(SubmissionRow.phase)
    found = {}
    with database.reads() as session:
        for phase, count, seconds, frames, edited, clicks, clicked in session.execute(by_phase):
            if phase in PHASES:
                found[phase] = count, seconds / frames, 100 * edited / frames, clicks, clicked
        shares = {phase: _agreement(session, phase) for phase in found}
    return {
        phase: PhaseFigures(
            count, seconds, edited, clicks / clicked if clicked else None, shares[phase]
        )
        for phase, (count, seconds, edited, clicks, clicked) in found.items()
    }


def _agreement(session: Session, phase: int) -> dict[str, float]:
    """Returns by size the share of masks that agree with phase 1's, in percent."""
    counts = (func.sum(AgreementRow.masks), func.sum(AgreementRow.agreeing))
    by_size = (
        select(AgreementRow.size, *counts)
        .join(SubmissionRow, SubmissionRow.id == AgreementRow.submission_id)
        .where(SubmissionRow.phase == phase)
        .group_by(AgreementRow.size)
    )
    rows = [(size, int(masks), int(same)) for size, masks, same in session.execute(by_size)]
    if not rows:
        return {}
    every = ALL, sum(masks for _, masks, _ in rows), sum(same for _, _, same in rows)
    return {size: 100 * same / masks for size, masks, same in [every, *rows]}


def as_rows(found: Mapping[int, PhaseFigures]) -> list[list[str | float | None]]:
    """Returns the table: phase, whose figures they are, and the figures, rounded."""
    rows: list[list[str | float | None]] = []
    for phase, name in PHASES.items():
        here = found.get(phase, PhaseFigures(0, None, None, None))
        for whose, of_phase in (("here", here), ("paper", PAPER[phase])):
            shown = [None if value is None else round(value, 2) for value in of_phase.values()]
            rows.append([f"{phase}: {name}", whose, *shown])
    return rows


def as_csv(found: Mapping[int, PhaseFigures]) -> str:
    """Returns the table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["phase", "figures", *COLUMNS])
    writer.writerows(as_rows(found))
    return text.getvalue()
