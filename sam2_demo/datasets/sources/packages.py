"""Which packages the training pictures come from, and how they are fetched and unpacked.

Every picture is under a free licence; none is kept in the repository. Packages are
fetched by name through their ordinary clients, unpacked, and never installed.
"""

import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import ResourceError
from sam2_demo.datasets.sources.qt_resources import unpack_resources

FETCH_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class SourcePackage:
    """One package of pictures.

    Attributes:
        name: The package's name; its pictures are unpacked into a folder of that name.
        client: ``"npm"`` or ``"debian"``.
        licence: The licence of the pictures that are used.
        content: What they show.
    """

    name: str
    client: str
    licence: str
    content: str

    @property
    def folder_name(self) -> str:
        """The name of the folder that it is unpacked into."""
        return self.name.rsplit("/", 1)[-1]


SOURCE_PACKAGES = (
    SourcePackage("@lobehub/fluent-emoji-3d", "npm", "MIT", "shaded 3-D objects, cut out"),
    SourcePackage("tuxpaint-stamps-default", "debian", "GPL-2", "photographed things, cut out"),
    SourcePackage("tuxpaint-data", "debian", "GPL-2+", "photographs"),
    SourcePackage(
        "endless-sky-data", "debian", "public domain, CC BY-SA", "ships cut out; landscapes"
    ),
    SourcePackage("lomiri-wallpapers-16.04", "debian", "CC BY, CC BY-SA", "large photographs"),
    SourcePackage("lomiri-wallpapers-20.04", "debian", "CC BY-SA", "large photographs"),
    SourcePackage("mate-backgrounds", "debian", "GPL-2+", "large photographs"),
    SourcePackage("palapeli-data", "debian", "public domain, GFDL", "photographs"),
    SourcePackage(
        "gcompris-qt-data",
        "debian",
        "CC0, CC BY, CC BY-SA, GFDL, GPL, public domain",
        "photographs of animals, buildings and things",
    ),
)


def fetch_sources(folder: Path, packages: tuple[SourcePackage, ...] = SOURCE_PACKAGES) -> None:
    """Fetches and unpacks every package that the folder does not hold yet.

    Raises:
        ResourceError: A package could not be fetched or unpacked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        target = folder / package.folder_name
        if target.is_dir():
            continue
        # What was interrupted is not taken for the whole next time.
        partial = folder / f"{package.folder_name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        unpack = _unpack_npm if package.client == "npm" else _unpack_debian
        try:
            unpack(package, folder, partial)
        except (OSError, tarfile.TarError) as error:
            raise ResourceError(
                f"{package.name} could not be unpacked ({error}): try again", "FETCH_FAILED"
            ) from error
        partial.replace(target)


def _unpack_npm(package: SourcePackage, folder: Path, target: Path) -> None:
    archive = folder / _run(["npm", "pack", "--silent", package.name], folder).split()[-1]
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    archive.unlink()


def _unpack_debian(package: SourcePackage, folder: Path, target: Path) -> None:
    _run(["apt-get", "download", package.name], folder)
    archives = sorted(folder.glob(f"{package.name}_*.deb"))
    _run(["dpkg", "-x", str(archives[-1].resolve()), str(target.resolve())], folder)
    for archive in archives:
        archive.unlink()
    for resources in sorted(target.rglob("*.rcc")):
        unpack_resources(resources, target / "pictures", ".webp")


def _run(command: list[str], folder: Path) -> str:
    """Returns what a command printed.

    Raises:
        ResourceError: It is not installed, failed, or took too long.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        raise ResourceError(
            f"`{' '.join(command)}` did not work: {str(reason).strip()[-300:]}; check the network "
            "and that the client is installed, or unpack the package by hand into the folder",
            "FETCH_FAILED",
        ) from error
    return done.stdout
