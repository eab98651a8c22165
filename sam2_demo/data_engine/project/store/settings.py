"""Facts about the whole project."""

from pathlib import Path

from sqlalchemy.orm import Session

from sam2_demo.data_engine.project.store.tables import SettingRow

CORRECTION_RATE = "correction_rate"
FOLDER = "folder"


def correction_rate(session: Session) -> float:
    """Returns the share of failed automatic masklets that are corrected; all by default."""
    row = session.get(SettingRow, CORRECTION_RATE)
    return 1.0 if row is None else float(row.value)


def set_correction_rate(session: Session, rate: float) -> None:
    """Sets the share of automatic masklets that are corrected if they fail from now on."""
    session.merge(SettingRow(name=CORRECTION_RATE, value=str(rate)))


def folder_of(session: Session) -> Path | None:
    """Returns the folder with the videos; None if it is not known yet."""
    row = session.get(SettingRow, FOLDER)
    return None if row is None else Path(row.value)


def set_folder(session: Session, folder: Path) -> None:
    """Notes the folder with the videos, also where it was moved to."""
    session.merge(SettingRow(name=FOLDER, value=str(folder.resolve())))
