"""The layers: who may import whom, and that everything imported is pinned."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sam2_demo

TOP = Path(__file__).parents[2]
PACKAGE = TOP / "sam2_demo"
LAYERS = re.findall(r"^    (\w+) {2,}\S", sam2_demo.__doc__ or "", re.MULTILINE)[::-1]
"""From the lowest to the highest, as the package's docstring lists them."""

DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "pillow_heif": "pillow-heif",
    "huggingface_hub": "huggingface-hub",
    "yaml": "PyYAML",
}
"""Distributions named otherwise than the module that they install."""

COMES_WITH = {"fastapi": "gradio", "httpx": "gradio", "starlette": "gradio", "uvicorn": "gradio"}
"""Modules used only through Gradio's own interfaces: Gradio chooses their versions."""

FILES_AND_NETWORK = {"huggingface_hub", "io", "os", "pathlib", "safetensors", "shutil", "tempfile"}
FILES_AND_NETWORK |= {"http", "httpx", "requests", "socket", "urllib"}


def imports(path: Path) -> Iterator[str]:
    """Yields the dotted names that a file imports, at the top or inside of functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out in full"
            # "from sam2_demo.core import masks" may name a module.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(layer: str) -> list[Path]:
    return sorted((PACKAGE / layer).rglob("*.py"))


def layer_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "sam2_demo" and len(parts) > 1 and parts[1] in LAYERS else None


def test_docstring_lists_the_folders() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert set(LAYERS) == folders
    assert LAYERS[0] == "core"
    assert LAYERS[-2:] == ["server", "web"]


def test_no_folder_holds_more_files_than_one_can_take_in() -> None:
    folders = [path for top in (PACKAGE, TOP / "tests") for path in top.rglob("*") if path.is_dir()]
    for folder in folders:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= 15, folder


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_imports_only_itself_and_lower_layers(layer: str) -> None:
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    for path in files_of(layer):
        for module in imports(path):
            target = layer_of(module)
            assert target is None or target in allowed, f"{path.relative_to(TOP)} imports {module}"


def test_gradio_is_imported_by_the_server_alone() -> None:
    for layer in LAYERS[: LAYERS.index("server")]:
        for path in files_of(layer):
            roots = {module.split(".")[0] for module in imports(path)}
            assert not roots & {"gradio", "gradio_client", "fastapi", "starlette"}, path


def test_core_has_no_network_modules() -> None:
    for path in files_of("core"):
        assert not any(module.startswith("torch.nn") for module in imports(path)), path


def test_the_hub_is_reached_by_checkpoints_alone() -> None:
    for layer in LAYERS:
        for path in files_of(layer):
            roots = {module.split(".")[0] for module in imports(path)}
            is_allowed = layer == "checkpoints" or not roots & {"huggingface_hub", "safetensors"}
            assert is_allowed, path


def test_the_model_touches_neither_files_nor_the_network() -> None:
    for path in files_of("model"):
        roots = {module.split(".")[0] for module in imports(path)}
        assert not roots & FILES_AND_NETWORK, f"{path.name} imports {roots & FILES_AND_NETWORK}"
        calls = [
            node.func
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        ]
        names = {call.id for call in calls if isinstance(call, ast.Name)}
        methods = {
            f"{call.value.id}.{call.attr}"
            for call in calls
            if isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name)
        }
        assert not (names | methods) & {"open", "torch.load", "torch.save"}, path.name


def test_everything_imported_is_pinned() -> None:
    lines = (TOP / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    is_exact = {pin: re.fullmatch(r"[\w-]+==[\w.]+", pin) is not None for pin in pins}
    assert [pin for pin in pins if not is_exact[pin]] == ["torch>=2.8,<=2.13.0"]
    pinned = {re.split("[=>]=", pin)[0] for pin in pins}
    files = [*PACKAGE.rglob("*.py"), *TOP.glob("app.py")]
    roots = {module.split(".")[0] for path in files for module in imports(path)}
    third_party = roots - set(sys.stdlib_module_names) - {"sam2_demo"}
    names = {DISTRIBUTIONS.get(root, COMES_WITH.get(root, root)) for root in third_party}
    # Spaces puts the module of this name there itself; elsewhere it is not installed. The benchmark
    # compares with transformers and draws with matplotlib where they are installed; --ray says that
    # Ray has to be.
    assert names - {"spaces", "transformers", "matplotlib", "ray"} <= pinned
