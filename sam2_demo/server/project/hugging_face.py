"""Signing in to a project with a Hugging Face account, on a Space with ``hf_oauth: true``.

The browser goes to Hugging Face and comes back with a code, for which Hugging Face tells this
server, and nobody else, who it is (OpenID Connect, with PKCE).
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hmac import compare_digest
from urllib.parse import urlencode

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sam2_demo.core.errors import ProjectError, ResourceError
from sam2_demo.data_engine.project.people.people import SIGNED_IN_S
from sam2_demo.data_engine.project.project import Project
from sam2_demo.server.app_state import AppState
from sam2_demo.server.messages import explain
from sam2_demo.server.project.gate import COOKIE
from sam2_demo.server.routes.answering import answered

BEGIN, BACK = "/login/hugging_face", "/login/callback"
"""Paths; a Space may be returned to at the second one."""
UNDER_WAY = "sam2_sign_in"
"""The cookie of a browser that is at Hugging Face; it comes back from there with it."""
UNDER_WAY_S = 600
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class HuggingFaceLogin:
    """What Hugging Face gave the Space to ask it with.

    Attributes:
        provider: Where it answers.
        client_id: Its name for the Space.
        client_secret: Shows that the Space asks.
        host: The Space's own host.
    """

    provider: str
    client_id: str
    client_secret: str
    host: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "HuggingFaceLogin | None":
        """Returns what the environment of a Space says; None without such a login."""
        names = "OPENID_PROVIDER_URL", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "SPACE_HOST"
        provider, client_id, client_secret, hosts = (environment.get(name) for name in names)
        if not (provider and client_id and client_secret and hosts):
            return None
        return cls(provider.rstrip("/"), client_id, client_secret, hosts.split(",")[0])

    def address(self, state: str, verifier: str) -> str:
        """Returns where a browser is sent.

        Args:
            state: Comes back with the browser.
            verifier: Has to be shown for what comes back.

        Raises:
            ResourceError: Hugging Face does not answer.
        """
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self._back,
            "scope": "openid profile",
            "state": state,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self._place('authorization_endpoint')}?{urlencode(asked)}"

    def name_for(self, code: str, verifier: str) -> str:
        """Returns the name of the account that a code stands for.

        Raises:
            ResourceError: Hugging Face does not answer, or does not take the code.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "client_id": self.client_id,
            "code_verifier": verifier,
        }
        own = self.client_id, self.client_secret
        token = self._answer("POST", self._place("token_endpoint"), data=form, auth=own)
        bearer = {"Authorization": f"Bearer {token.get('access_token')}"}
        account = self._answer("GET", self._place("userinfo_endpoint"), headers=bearer)
        return str(account.get("preferred_username") or "")

    @property
    def _back(self) -> str:
        return f"https://{self.host}{BACK}"

    def _place(self, name: str) -> str:
        places = self._answer("GET", f"{self.provider}/.well-known/openid-configuration")
        return str(places.get(name) or "")

    def _answer(self, method: str, url: str, **asked: object) -> dict[str, object]:
        try:
            answer = httpx.request(method, url, timeout=TIMEOUT_S, **asked)  # type: ignore[arg-type]
            return dict(answer.raise_for_status().json())
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
            raise ResourceError(
                f"Hugging Face did not say who you are ({type(error).__name__}): try again",
                "NO_PROVIDER",
            ) from error


def login_routes(state: AppState, project: Project, login: HuggingFaceLogin) -> list[Route]:
    """Returns the routes to Hugging Face and back."""
    return [
        Route(BEGIN, answered(partial(_begin, state, login))),
        Route(BACK, answered(partial(_come_back, state, project, login))),
    ]


async def _begin(state: AppState, login: HuggingFaceLogin, request: Request) -> Response:
    shown, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    address = await state.compute(partial(login.address, shown, verifier))
    response = RedirectResponse(address, 303)
    # Not "strict", as it has to come back from another site.
    response.set_cookie(
        UNDER_WAY,
        f"{shown}.{verifier}",
        max_age=UNDER_WAY_S,
        path=BACK,
        httponly=True,
        samesite="lax",
        secure=True,
    )
    return response


async def _come_back(
    state: AppState, project: Project, login: HuggingFaceLogin, request: Request
) -> Response:
    """Signs a browser in and shows the page, which says why if that is not possible."""
    shown, _, verifier = request.cookies.get(UNDER_WAY, "").partition(".")

    def sign_in() -> str:
        returned = request.query_params.get("state", "")
        if not (shown and compare_digest(shown.encode(), returned.encode("utf-8", "replace"))):
            raise ProjectError("this sign-in began in another browser: begin again", "BEGIN_AGAIN")
        name = login.name_for(request.query_params.get("code", ""), verifier)
        return project.people.sign_in_by_account(name)

    try:
        secret = await state.compute(sign_in)
    except (ProjectError, ResourceError) as error:
        response = RedirectResponse(f"/?{urlencode({'sign_in': explain(error).code})}", 303)
    else:
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(SIGNED_IN_S),
            httponly=True,
            samesite="strict",
            secure=True,
        )
    response.delete_cookie(UNDER_WAY, path=BACK)
    return response
