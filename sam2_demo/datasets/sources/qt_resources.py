"""Unpacks Qt's binary resource files, in which some programs keep their pictures.

A file holds a tree of names, and the bytes of each leaf behind their length. Only
leaves that are stored as they are come out; compressed ones are no photographs.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import ResourceError

MAGIC = b"qres"
COMPRESSED, FOLDER = 0b101, 0b10
NODE_BYTES = {1: 14, 2: 22, 3: 22}


@dataclass(frozen=True, slots=True)
class _Tables:
    """The file and where its parts begin."""

    content: bytes
    tree: int
    data: int
    names: int
    node_bytes: int

    def name(self, offset: int) -> str:
        """Returns a name of the table of names."""
        (length,) = struct.unpack_from(">H", self.content, self.names + offset)
        start = self.names + offset + 6
        return self.content[start : start + 2 * length].decode("utf-16-be")

    def leaves(self, node: int, folder: str) -> Iterator[tuple[str, bytes]]:
        """Yields path and bytes of every leaf below a node."""
        start = self.tree + node * self.node_bytes
        name_offset, flags = struct.unpack_from(">IH", self.content, start)
        if flags & FOLDER:
            name = self.name(name_offset) if node else ""
            count, first = struct.unpack_from(">II", self.content, start + 6)
            if first <= node:
                raise ValueError("a folder that holds itself")
            for child in range(first, first + count):
                yield from self.leaves(child, f"{folder}{name}/" if name else folder)
        elif not flags & COMPRESSED:
            (offset,) = struct.unpack_from(">I", self.content, start + 10)
            (length,) = struct.unpack_from(">I", self.content, self.data + offset)
            begin = self.data + offset + 4
            yield f"{folder}{self.name(name_offset)}", self.content[begin : begin + length]


def unpack_resources(path: Path, folder: Path, suffix: str) -> int:
    """Returns how many files with this ending were written below the folder.

    Raises:
        ResourceError: The file is no such resource, or is damaged.
    """
    content = path.read_bytes()
    written = 0
    try:
        version, tree, data, names = struct.unpack_from(">4I", content, len(MAGIC))
        if not content.startswith(MAGIC) or version not in NODE_BYTES:
            raise ValueError("not a resource of a known version")
        tables = _Tables(content, tree, data, names, NODE_BYTES[version])
        for name, leaf in tables.leaves(0, ""):
            target = (folder / name).resolve()
            if name.endswith(suffix) and target.is_relative_to(folder.resolve()):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(leaf)
                written += 1
    except (struct.error, ValueError) as error:
        raise ResourceError(
            f"{path} is not a Qt resource, or is damaged ({error}); fetch its package again",
            "RESOURCE_BROKEN",
        ) from error
    return written
