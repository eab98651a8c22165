"""Facts about the whole project."""

from sqlalchemy.orm import Session

from sam2_demo.data_engine.project.store.tables import SettingRow

CORRECTION_RATE = "correction_rate"


def correction_rate(session: Session) -> float:
    """Returns the share of failed automatic masklets that are corrected; all by default."""
    row = session.get(SettingRow, CORRECTION_RATE)
    return 1.0 if row is None else float(row.value)


def set_correction_rate(session: Session, rate: float) -> None:
    """Sets the share of automatic masklets that are corrected if they fail from now on."""
    session.merge(SettingRow(name=CORRECTION_RATE, value=str(rate)))
