"""What stands before the annotator's routes where a project is worked on: who asks, and for what.

Only people who are signed in may change anything, and only in the open video of a task that they
hold, by the rules of its phase. Pictures and masks are under a secret token, as always.
"""

import asyncio
import re
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sam2_demo.core.errors import ProjectError
from sam2_demo.data_engine.project.people.people import Person
from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.tasks.lifecycle import PHASES, is_allowed
from sam2_demo.server.messages import explain

COOKIE = "sam2_project"
_OF_VIDEO = re.compile(r"/videos/([^/]+)(?:/(\w+))?(?:/[^/]*)?$")
_TAKEN_OUT = frozenset({"exports", "session"})
"""What would carry work out of the project."""
_OPENING = re.compile(r"/sam2/(uploads|open|camera|model)$")


class ProjectGate:
    """Refuses what the person, the task or its phase does not allow.

    Args:
        app: The routes.
        project: The project.
    """

    def __init__(self, app: ASGIApp, project: Project) -> None:
        self._app, self._project = app, project

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            try:
                check = partial(self._check, request.method, scope["path"], secret_of(request))
                await asyncio.get_running_loop().run_in_executor(None, check)
            except Exception as error:
                refusal = explain(error)
                answer = JSONResponse(refusal.as_json(), refusal.status)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, method: str, path: str, secret: str) -> None:
        if _OPENING.search(path) and method != "GET":
            raise ProjectError(
                "this server is a project's, whose videos its owner imports: take a task instead",
                "NOT_IN_A_PROJECT",
            )
        found = _OF_VIDEO.search(path)
        if found is None:
            return
        token, action = found[1], found[2] or ""
        if method == "GET" and action not in _TAKEN_OUT:
            return
        person = self._project.people.who(secret)
        phase = self._project.queue.work_in(person.id, token).phase
        if action in _TAKEN_OUT or not is_allowed(phase, action):
            raise ProjectError(
                f"phase {phase} ({PHASES[phase]}) does not allow this: go on without it, or skip "
                "the task",
                "NOT_IN_THIS_PHASE",
            )


def person_of(project: Project, request: Request) -> Person:
    """Returns who asks.

    Raises:
        ProjectError: nobody is signed in.
    """
    return project.people.who(secret_of(request))


def secret_of(request: Request) -> str:
    """Returns the secret of the browser that asks; empty if it has none."""
    return request.cookies.get(COOKIE, "")
