"""The routes of a project: signing in, taking tasks, handing them in, figures."""

import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from sam2_demo.data_engine.project.people.people import SIGNED_IN_S, Person
from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.statistics import COLUMNS, as_csv, as_rows, figures
from sam2_demo.data_engine.project.tasks.lifecycle import PHASES
from sam2_demo.data_engine.project.tasks.queue import Held
from sam2_demo.data_engine.project.tasks.verdicts import Judgement
from sam2_demo.server.app_state import AppState
from sam2_demo.server.project.gate import COOKIE, person_of, secret_of
from sam2_demo.server.project.hugging_face import BEGIN, HuggingFaceLogin
from sam2_demo.server.project.requests import (
    SignInRequest,
    SkipRequest,
    SubmitRequest,
    TakeRequest,
    VerdictRequest,
)
from sam2_demo.server.project.work import TaskDesk
from sam2_demo.server.routes.answering import IMMUTABLE, Endpoint, answered, fields_of
from sam2_demo.server.routes.body import Fields

NOT_STORED = {"Cache-Control": "no-store"}
Asked = Callable[[Person, Fields, int], dict[str, Any]]
"""Answers a person's question: its fields, and the number of the task in the address, or 0."""


class ProjectRoutes:
    """What the page asks of a project.

    Args:
        state: The app's.
        project: The project.
    """

    def __init__(self, state: AppState, project: Project) -> None:
        self._state, self._project = state, project
        self._desk = TaskDesk(state, project)

    def routes(self) -> list[Route]:
        """Returns the routes, below that of the annotator."""
        task = "/project/tasks/{task_id:int}"
        posts: dict[str, Asked] = {
            "/project/take": self._take,
            f"{task}/renew": self._renew,
            f"{task}/submit": self._submit,
            f"{task}/skip": self._skip,
            f"{task}/verdict": self._judge,
        }
        gets: dict[str, Asked] = {
            "/project": self._home,
            "/project/statistics": self._statistics,
            f"{task}/masklet": self._masklet,
        }
        return [
            Route("/project/sign_in", answered(self._ways_in)),
            Route("/project/sign_in", answered(self._sign_in), methods=["POST"]),
            Route("/project/sign_out", answered(self._sign_out), methods=["POST"]),
            Route("/project/statistics.csv", answered(self._csv)),
            Route(f"{task}/frames/{{frame:int}}.jpg", answered(self._frame)),
            *(Route(path, self._asked(ask)) for path, ask in gets.items()),
            *(Route(path, self._asked(ask), methods=["POST"]) for path, ask in posts.items()),
        ]

    def _asked(self, ask: Asked) -> Endpoint:
        """Returns the endpoint that answers a person; it does not run on the server's loop."""

        async def endpoint(request: Request) -> Response:
            fields = await fields_of(request)
            task_id = int(request.path_params.get("task_id", 0))

            def answer() -> dict[str, Any]:
                return ask(person_of(self._project, request), fields, task_id)

            return JSONResponse(await self._state.compute(answer), headers=NOT_STORED)

        return answered(endpoint)

    async def _ways_in(self, request: Request) -> Response:
        """Tells whoever is not signed in where Hugging Face signs people in; empty if nowhere."""
        login = HuggingFaceLogin.of(os.environ)
        return JSONResponse({"hugging_face": BEGIN if login else ""}, headers=NOT_STORED)

    async def _sign_in(self, request: Request) -> Response:
        given = SignInRequest.read(await fields_of(request))
        sign_in = partial(self._project.people.sign_in, given.name, given.password)
        response = JSONResponse({}, headers=NOT_STORED)
        response.set_cookie(
            COOKIE,
            await self._state.compute(sign_in),
            max_age=int(SIGNED_IN_S),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def _sign_out(self, request: Request) -> Response:
        sign_out = partial(self._project.people.sign_out, secret_of(request))
        await self._state.compute(sign_out)
        response = JSONResponse({}, headers=NOT_STORED)
        response.delete_cookie(COOKIE)
        return response

    async def _csv(self, request: Request) -> Response:
        def text() -> str:
            person_of(self._project, request)
            return as_csv(figures(self._project.database))

        headers = NOT_STORED | {"Content-Disposition": 'attachment; filename="statistics.csv"'}
        written = await self._state.compute(text)
        return Response(written, media_type="text/csv; charset=utf-8", headers=headers)

    async def _frame(self, request: Request) -> Response:
        def path() -> Any:
            person = person_of(self._project, request)
            held = self._project.queue.find(person.id, request.path_params["task_id"])
            video = self._desk.video_of(held)
            return video.jpeg_path(min(request.path_params["frame"], len(video) - 1))

        found = await self._state.compute(path)
        return FileResponse(found, media_type="image/jpeg", headers=IMMUTABLE)

    def _home(self, person: Person, fields: Fields, task_id: int) -> dict[str, Any]:
        held = {each.kind: each.task_id for each in self._project.queue.held(person.id)}
        return {
            "for_one": self._project.people.is_for_one,
            "name": person.name,
            "rights": sorted(person.rights),
            "waiting": self._project.queue.waiting(person.id),
            "held": held,
            "phases": PHASES,
        }

    def _take(self, person: Person, fields: Fields, task_id: int) -> dict[str, Any]:
        held = self._desk.take(person, TakeRequest.read(fields).kind)
        return {"task": None if held is None else self._shown(held)}

    def _renew(self, person: Person, fields: Fields, task_id: int) -> dict[str, Any]:
        return {"task": self._shown(self._project.queue.find(person.id, task_id))}

    def _submit(self, person: Person, fields: Fields, task_id: int) -> dict[str, Any]:
        self._desk.submit(person, task_id, SubmitRequest.read(fields).active_s)
        return {}

    def _skip(self, person: Person, fields: Fields, task_id: int) -> dict[str, Any]:
        self._desk.skip(person, task_id, SkipRequest.read(fields).reason)
        return {}

    def _judge(self, person: Person, fields: Fields, task_id: int) -> dict[str, Any]:
        said = VerdictRequest.read(fields)
        judgement = Judgement(said.verdict, said.marks, said.seconds, said.hard)
        self._desk.judge(person, task_id, judgement)
        return {}

    def _masklet(self, person: Person, fields: Fields, task_id: int) -> dict[str, Any]:
        held = self._project.queue.find(person.id, task_id)
        video = self._desk.video_of(held)
        height, width = video.size_hw
        return {
            "name": video.name,
            "width": width,
            "height": height,
            "frame_times_s": [round(time_s, 4) for time_s in video.frame_times_s],
            "masks": self._desk.masks_of(held),
        }

    def _statistics(self, person: Person, fields: Fields, task_id: int) -> dict[str, Any]:
        return {"columns": COLUMNS, "rows": as_rows(figures(self._project.database))}

    def _shown(self, held: Held) -> dict[str, Any]:
        now = self._project.database.clock()
        times = {"left_s": held.lease_until - now, "spent_s": now - held.taken_at}
        return asdict(held) | times | {"phase_name": PHASES.get(held.phase, "automatic")}
