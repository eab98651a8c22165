"""The README: what it promises about commands, files and versions is what is here."""

import argparse
import re
from pathlib import Path

import pytest
import torch

from sam2_demo.__main__ import COMMANDS, parsers
from sam2_demo.checkpoints.hub import RELEASED_FILES
from sam2_demo.datasets.sources.packages import SOURCE_PACKAGES
from sam2_demo.evaluation.protocols.registry import PROTOCOLS
from sam2_demo.model.config import EMBEDDED
from sam2_demo.model.sam2 import Sam2
from sam2_demo.server.limit_options import LIMIT_OPTIONS, add_limit_options
from sam2_demo.training.experiments.named import EXPERIMENTS

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "assets" / "docs").glob("*.md"))]
README = (TOP / "README.md").read_text(encoding="utf-8")
HEADER = README.split("---\n")[1]


def test_header_names_the_pinned_gradio_and_the_app() -> None:
    pins = (TOP / "requirements.txt").read_text(encoding="utf-8")
    version = re.search(r"^gradio==(.+)$", pins, re.MULTILINE)
    assert version is not None
    assert f"sdk_version: {version[1]}\n" in HEADER
    assert "app_file: app.py\n" in HEADER
    description = re.search(r"^short_description: (.+)$", HEADER, re.MULTILINE)
    assert description is not None
    assert len(description[1]) <= 60


@pytest.mark.parametrize("name", RELEASED_FILES)
def test_every_released_model_is_in_the_header_and_the_table(name: str) -> None:
    assert f"  - {RELEASED_FILES[name].repository}\n" in HEADER
    assert f"`{name}`" in README


def test_embedded_model_is_described_as_it_is() -> None:
    with torch.device("meta"):
        millions = sum(weights.numel() for weights in Sam2(EMBEDDED).parameters()) / 1e6
    assert f"| `embedded` | {millions:.1f} M | {EMBEDDED.image_size} px |" in README


def test_preloaded_file_is_a_released_one() -> None:
    repository, file_name = re.search(r"preload_from_hub:\n  - (\S+) (\S+)\n", HEADER).groups()
    assert (repository, file_name) in {(f.repository, f.released) for f in RELEASED_FILES.values()}


def test_the_two_commands_are_one_line_each() -> None:
    lines = [line.strip() for line in README.splitlines() if line.startswith("    pip install")]
    assert lines == [
        "pip install -r requirements.txt && python app.py",
        "pip install -r requirements.txt -r tests/requirements.txt"
        " && python -m pytest -q -n 2 --dist loadfile tests",
    ]


def test_every_source_of_pictures_is_credited() -> None:
    for package in SOURCE_PACKAGES:
        assert f"`{package.name}` | {package.licence} |" in README


def test_map_names_every_layer() -> None:
    where = README.split("## Where things are\n")[1].split("\n## ")[0]
    named = set(re.findall(r"^      (\w+)/ ", where, re.MULTILINE))
    folders = {path.name for path in (TOP / "sam2_demo").iterdir() if path.is_dir()}
    assert named == folders - {"__pycache__"}


def test_readme_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)|src=\"(\w[^\"]+)\"", text):
        path = page.parent / next(filter(None, target))
        assert path.exists(), path
    commands = set(re.findall(r"python -m sam2_demo (\w[\w-]*)", text))
    assert commands <= {command.name for command in COMMANDS}


def test_documented_options_of_commands_exist() -> None:
    for page in PAGES:
        lines = page.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
        for line in lines:
            called = re.search(r"^    .*-m sam2_demo (\w+) (.*)", line)
            if called is None:
                continue
            _, parser = parsers(called[1])
            assert parser is not None, line
            for option in re.findall(r"--[\w-]+", called[2]):
                assert option in parser.format_help(), line


def test_every_limit_is_documented_with_its_option_and_default() -> None:
    page = (TOP / "assets/docs/limits.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(--[a-z-]+)` \| (\d+) \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(each.name, str(each.default), each.limited) for each in LIMIT_OPTIONS]
    parser = argparse.ArgumentParser()
    add_limit_options(parser)
    assert all(f"{name} N" in parser.format_help() for name, _, _ in rows)


def test_documented_protocols_and_experiments_exist() -> None:
    protocols = (TOP / "assets/docs/evaluation.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| (`.+?`) \|", protocols, re.MULTILINE))
    assert set(re.findall(r"`([\w-]+)`", " ".join(named))) == set(PROTOCOLS)
    training = (TOP / "assets/docs/training.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", training, re.MULTILINE)) == set(EXPERIMENTS)
