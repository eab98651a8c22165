"""Signing in to a project with an account of Hugging Face, for which a stand-in answers."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_app import small_state
from small_project import Clock
from stand_in_provider import StandInProvider, stand_in_provider
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sam2_demo.__main__ import main
from sam2_demo.data_engine.project.people.users_file import Right, read_users, set_user
from sam2_demo.data_engine.project.project import Project
from sam2_demo.server.project.hugging_face import HuggingFaceLogin, login_routes
from sam2_demo.server.routes.pages import PREFIX, build_routes

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def provider() -> Iterator[StandInProvider]:
    with stand_in_provider() as provider:
        yield provider


@pytest.fixture
def visitor(
    tmp_path: Path, provider: StandInProvider, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A browser on a Space whose project has "ana" by account, and "ben" by password."""
    environment = {
        "OPENID_PROVIDER_URL": provider.address,
        "OAUTH_CLIENT_ID": provider.client[0],
        "OAUTH_CLIENT_SECRET": provider.client[1],
        "SPACE_HOST": "team-project.hf.space,own.example",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    users = tmp_path / "users.json"
    assert main(["project", "user", "ana", "--users", str(users), "--hugging-face"]) == 0
    set_user(users, "ben", PASSWORD, [Right.VERIFY])
    project = Project.open(tmp_path / "project", users=users, clock=Clock())
    state = dataclasses.replace(small_state(tmp_path / "data"), project=project)
    login = HuggingFaceLogin.of(environment)
    assert login is not None
    app = Starlette(routes=[build_routes(state), *login_routes(state, project, login)])
    with TestClient(
        app, base_url="https://team-project.hf.space", follow_redirects=False
    ) as client:
        yield client
    state.store.close_all()
    project.close()


def come_back(visitor: TestClient, provider: StandInProvider, account: str, **changes: str) -> str:
    """Returns where the page is shown after an account's browser was at the provider."""
    sent = visitor.get("/login/hugging_face")
    assert sent.status_code == 303
    taken = provider.visit(sent.headers["location"], account) | changes
    return visitor.get("/login/callback", params=taken).headers["location"]


def test_an_account_of_the_project_is_signed_in(
    visitor: TestClient, provider: StandInProvider
) -> None:
    assert visitor.get(f"{PREFIX}/project/sign_in").json() == {
        "hugging_face": "/login/hugging_face"
    }
    assert visitor.get(f"{PREFIX}/project").status_code == 401
    assert come_back(visitor, provider, "ana") == "/"
    home = visitor.get(f"{PREFIX}/project").json()
    assert (home["name"], home["rights"]) == ("ana", ["annotate", "verify"])


@pytest.mark.parametrize("account", ["tom", "ben", ""])
def test_other_accounts_are_not_even_with_the_name_of_somebody_with_a_password(
    visitor: TestClient, provider: StandInProvider, account: str
) -> None:
    assert come_back(visitor, provider, account) == "/?sign_in=NO_SUCH_PERSON"
    assert visitor.get(f"{PREFIX}/project").status_code == 401


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": "another"}, "BEGIN_AGAIN"),
        ({"state": "é\ud7ff"}, "BEGIN_AGAIN"),
        ({"code": "guessed"}, "NO_PROVIDER"),
    ],
)
def test_what_did_not_begin_here_ends_here(
    visitor: TestClient, provider: StandInProvider, changes: dict[str, str], code: str
) -> None:
    assert come_back(visitor, provider, "ana", **changes) == f"/?sign_in={code}"
    assert visitor.get(f"{PREFIX}/project").status_code == 401
    # What was begun is over: the same answer cannot be brought once more.
    assert visitor.get("/login/callback?code=a&state=b").headers["location"].endswith("BEGIN_AGAIN")


def test_who_signs_in_by_account_has_no_password(visitor: TestClient, tmp_path: Path) -> None:
    assert not read_users(tmp_path / "users.json")["ana"].has_password
    for password in ("", "00" * 64, PASSWORD):
        fields = {"name": "ana", "password": password}
        answer = visitor.post(f"{PREFIX}/project/sign_in", json=fields)
        assert answer.json()["error"]["code"] == "WRONG_PASSWORD"


def test_a_server_that_is_no_space_offers_no_account(
    visitor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPACE_HOST")
    assert visitor.get(f"{PREFIX}/project/sign_in").json() == {"hugging_face": ""}
    assert HuggingFaceLogin.of({"OAUTH_CLIENT_ID": "a"}) is None


def test_a_provider_that_is_away_is_said_to_be(visitor: TestClient) -> None:
    away = HuggingFaceLogin("http://127.0.0.1:9", "a", "b", "space.example")
    with pytest.raises(Exception, match="did not say who you are"):
        away.address("state", "verifier")
