"""The page's modules: served as JavaScript, kept by the browser until they change."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sam2_demo.server.annotator import annotator_script
from sam2_demo.server.page_modules import ENTRY, Modules, page_modules


@pytest.fixture
def modules(tmp_path: Path) -> Modules:
    """Two modules and a file that is none."""
    (tmp_path / "core").mkdir()
    (tmp_path / "main.js").write_text("import './core/one.js';\n")
    (tmp_path / "core" / "one.js").write_text("export const ONE = 'é';\n", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("not a module")
    return Modules(tmp_path)


@pytest.fixture
def client(modules: Modules, tmp_path: Path) -> Iterator[TestClient]:
    """A client whose addresses are relative to the prefix."""
    app = Starlette(routes=[modules.route("/below")])
    with TestClient(app, base_url="http://testserver/below/") as client:
        yield client


def test_modules_are_javascript_that_the_browser_keeps(
    client: TestClient, modules: Modules
) -> None:
    answer = client.get(f"{modules.base}core/one.js")
    assert answer.status_code == 200
    assert answer.text == "export const ONE = 'é';\n"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    again = client.get(
        f"{modules.base}core/one.js", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["core/two.js", "secret.txt", "core/../secret.txt", "", "core"])
def test_nothing_else_is_served(client: TestClient, modules: Modules, name: str) -> None:
    assert client.get(f"{modules.base}{name}").status_code == 404


def test_any_change_is_another_version(modules: Modules, tmp_path: Path) -> None:
    assert Modules(tmp_path).version == modules.version
    (tmp_path / "core" / "one.js").write_text("export const ONE = 2;\n")
    changed = Modules(tmp_path)
    assert changed.version != modules.version
    (tmp_path / "core" / "one.js").rename(tmp_path / "core" / "two.js")
    assert Modules(tmp_path).version not in (changed.version, modules.version)


def test_the_annotator_names_every_module() -> None:
    script, modules = annotator_script(), page_modules()
    assert ENTRY in modules.texts
    assert f"gradio_api/sam2/{modules.base}" in script
    assert all(f'"{name}"' in script for name in modules.texts)
