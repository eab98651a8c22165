"""``python -m sam2_demo pack``: fetches the free pictures and packs them into one file."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sam2_demo.core.arguments import positive
from sam2_demo.core.errors import SettingError
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.sources.packages import SOURCE_PACKAGES, fetch_sources
from sam2_demo.datasets.sources.photo_labels import read_labels
from sam2_demo.datasets.sources.pictures import (
    RECIPES,
    Picture,
    PictureKind,
    source_cutouts,
    source_photographs,
)
from sam2_demo.datasets.sources.scene_cutouts import scene_cutouts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    licences = "\n".join(
        f"  {package.name} ({package.licence}): {package.content}" for package in SOURCE_PACKAGES
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        f"Packs cut-outs and photographs for synthetic clips, from:\n{licences}\n"
        "Photographs that `python -m sam2_demo label` has labelled become scenes with masks."
    )
    parser.add_argument(
        "--sources",
        type=Path,
        required=True,
        metavar="DIR",
        help="where the packages are unpacked; what is missing there is fetched",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the pack, .npz")
    parser.add_argument("--cutout-px", type=positive, default=192, help="longest side of a cut-out")
    parser.add_argument(
        "--background-px", type=positive, default=512, help="longer side of a photo"
    )
    parser.add_argument("--no-fetch", action="store_true", help="use only what is there")


def run(arguments: argparse.Namespace) -> None:
    """Builds the pack and prints what is in it."""
    if not arguments.no_fetch:
        fetch_sources(arguments.sources)
    pack = build_pack(arguments.sources, arguments.cutout_px, arguments.background_px)
    pack.save(arguments.out)
    for kind in PictureKind:
        training, validation = (len(pack.indices(kind, side)) for side in (False, True))
        print(f"{kind.name.lower():14} {training:5} training {validation:5} validation")
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


def build_pack(sources: Path, cutout_px: int = 192, background_px: int = 512) -> SourcePack:
    """Returns a pack of what the unpacked packages in a folder hold.

    Args:
        sources: A folder with one folder per package, as ``fetch_sources`` leaves it.
        cutout_px: Longest side of a cut-out; smaller ones are not enlarged.
        background_px: Longer side of a photograph.

    Raises:
        SettingError: The folder holds no cut-outs, or no photographs.
    """
    pictures = list(_pictures(sources, cutout_px, background_px))
    kinds = {picture.kind for picture in pictures}
    if not kinds & {PictureKind.DRAWN_CUTOUT, PictureKind.PHOTO_CUTOUT} or not kinds & {
        PictureKind.BACKGROUND,
        PictureKind.SCENE,
    }:
        raise SettingError(
            f"{sources} holds no cut-outs or no photographs; folders expected in it: "
            f"{', '.join(sorted({recipe.folder_name for recipe in RECIPES}))}",
            "NO_SOURCES",
        )
    return SourcePack.encode(pictures)


def _pictures(sources: Path, cutout_px: int, background_px: int) -> Iterator[Picture]:
    yield from source_cutouts(sources, cutout_px)
    for photo in source_photographs(sources, background_px):
        masks = read_labels(sources, photo.pixels)
        if not masks:
            yield photo
            continue
        scene = replace(photo, kind=PictureKind.SCENE, masks=masks)
        yield scene
        yield from scene_cutouts(scene, cutout_px)
