"""The versions of a project's model: those that made masklets, and those trained from them."""

from pathlib import Path

import torch
from sqlalchemy import select

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.data_engine.project.store.database import Database, find_or_add
from sam2_demo.data_engine.project.store.tables import ModelVersionRow


def latest_model(database: Database) -> Path | None:
    """Returns the file of the newest model that was trained here and is still there."""
    trained = select(ModelVersionRow.path).where(ModelVersionRow.path != "")
    with database.reads() as session:
        for path in session.scalars(trained.order_by(ModelVersionRow.id.desc())):
            if Path(path).is_file():
                return Path(path)
    return None


def add_model(database: Database, path: Path, note: str) -> str:
    """Returns the name of a model that was trained here, which is the newest from now on.

    Raises:
        CheckpointError: the file is no model.
    """
    digest = load_model(str(path), torch.device("cpu")).digest
    trained = select(ModelVersionRow).where(ModelVersionRow.path != "")
    with database.changes() as session:
        number = len(session.scalars(trained).all()) + 1

        def new() -> ModelVersionRow:
            return ModelVersionRow(
                name=f"version {number}",
                digest=digest,
                path=str(path.resolve()),
                note=note,
                made_at=database.clock(),
            )

        known = select(ModelVersionRow).where(ModelVersionRow.digest == digest)
        return find_or_add(session, known, new).name
