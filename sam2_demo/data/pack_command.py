"""``python -m sam2_demo pack``: fetches the free pictures and packs them into one file."""

import argparse
from pathlib import Path

from sam2_demo.data.fetch_sources import SOURCE_PACKAGES, fetch_sources
from sam2_demo.data.source_pack import PictureKind, build_pack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    licences = "\n".join(
        f"  {package.name} ({package.licence}): {package.content}" for package in SOURCE_PACKAGES
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"Packs cut-outs and backgrounds for synthetic clips, from:\n{licences}"
    parser.add_argument(
        "--sources",
        type=Path,
        required=True,
        metavar="DIR",
        help="where the packages are unpacked; what is missing there is fetched",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the pack, .npz")
    parser.add_argument("--cutout-px", type=int, default=192, help="longest side of a cut-out")
    parser.add_argument("--background-px", type=int, default=512, help="longer side of a photo")
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
