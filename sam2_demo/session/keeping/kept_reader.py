"""Reads what was kept of an open video's work; values that were shared are shared again."""

import json
import math
import sqlite3
from typing import Any, NamedTuple

import numpy as np

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.session.history import Moment
from sam2_demo.session.keeping.kept_rows import KeptRows
from sam2_demo.session.objects import ObjectState
from sam2_demo.session.schemas import PromptSchema, SettingsSchema
from sam2_demo.tracking.prompt_log import Event, Given, Tracked
from sam2_demo.tracking.track import Answer, PromptedFrame, Track


class Tables(NamedTuple):
    """The rows of each table, which take over the values that are read."""

    prompts: KeptRows[FramePrompt]
    answers: KeptRows[Answer]
    tracks: KeptRows[Track]


class KeptReader:
    """Reads one file.

    Args:
        file: The database.
        size_hw: Size of the video and of all its masks.
        tables: Take over the values that are read.
    """

    def __init__(self, file: sqlite3.Connection, size_hw: tuple[int, int], tables: Tables) -> None:
        self._file = file
        self._size_hw = size_hw
        self._tables = tables
        self._prompts: dict[int, FramePrompt] = {}
        self._answers: dict[int, Answer] = {}
        self._tracks: dict[int, Track] = {}

    def moments(self) -> list[Moment]:
        """Returns all moments in order; each one's step leads to the next."""
        for number, contents in self._file.execute("SELECT id, contents FROM prompts"):
            prompt = PromptSchema.model_validate_json(contents).prompt()
            self._prompts[number] = prompt
            self._tables.prompts.adopt(prompt, number)
        for number, counts, *scores in self._file.execute("SELECT * FROM answers"):
            # SQLite has no NaN and stores null instead.
            iou, score = (math.nan if each is None else each for each in scores[:2])
            answer = Answer(EncodedMask(self._size_hw, counts), iou, score, bool(scores[2]))
            self._answers[number] = answer
            self._tables.answers.adopt(answer, number)
        for number, contents, answers in self._file.execute("SELECT * FROM tracks"):
            track = self._track(json.loads(contents), answers)
            self._tracks[number] = track
            self._tables.tracks.adopt(track, number)
        query = "SELECT track, frame, step, answer FROM tracked ORDER BY id"
        for number, frame, step, answer in self._file.execute(query):
            if number in self._tracks and answer in self._answers:
                self._tracks[number].take_tracked(frame, step, self._answers[answer])
        rows = self._file.execute("SELECT * FROM moments ORDER BY number").fetchall()
        return [self._moment(*row) for row in rows]

    def _moment(self, number: int, step: str, whole: int, objects: str) -> Moment:
        states = {
            object_id: ObjectState(
                SettingsSchema.model_validate(settings).settings(), self._tracks[track]
            )
            for object_id, settings, track in json.loads(objects)
        }
        return Moment(step, states, bool(whole), number=number)

    def _track(self, contents: dict[str, Any], answers: bytes) -> Track:
        track = Track(conditioning=set(contents["conditioning"]))
        for frame, step, number in np.frombuffer(answers, "<i4").reshape(-1, 3).tolist():
            # What is gone was replaced: the row that replaced it is read after this.
            if number in self._answers:
                track.answers[frame] = self._answers[number]
                if step:
                    track.steps[frame] = step
        for frame, prompt, base in contents["prompts"]:
            earlier = None if base is None else self._answers[base]
            track.prompts[frame] = PromptedFrame(self._prompts[prompt], earlier)
        track.log = [self._event(row) for row in contents["log"]]
        return track

    def _event(self, row: list[Any]) -> Event:
        if len(row) == 2:
            frame, prompt = row
            return Given(frame, None if prompt is None else self._prompts[prompt])
        return Tracked(*row)
