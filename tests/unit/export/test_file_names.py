"""Names of folders: harmless on any system, and different for different clips."""

import unicodedata

import pytest

from sam2_demo.export.file_names import MAX_NAME_BYTES, clip_name, plain_name

SCRIPTS = (
    "Кошка",
    "猫が走る",
    "قطة",
    "고양이",
    "मेरी क्लिप",
    "חתול",
    "γάτα",
    "🐈‍⬛ 👩🏽‍🚀 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "my clip (2)",
    "Take 1.5",
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_names_are_kept_in_every_script(name: str) -> None:
    name = unicodedata.normalize("NFC", name)
    assert clip_name(f"{name}.mp4") == clip_name(name) == plain_name(name) == name


def test_both_unicode_forms_of_a_name_are_one_name() -> None:
    assert clip_name("cafe\u0301.mov") == clip_name("caf\u00e9.mov") == "caf\u00e9"


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\clip.mov", "clip"),
        ("-rf.mp4", "_rf-"),
        ("...", "_-"),
        ("", "video"),
        ("<img onerror=x>.mp4", "_img onerror=x_-"),
        ("a\x00b.mp4", "a_b-"),
        ("a\r\nX-Injected: 1.mp4", "a_X-Injected_ 1-"),
        ("con.mp4", "_con-"),
        ("LPT1.old", "_LPT1.old-"),
        ("\u202egpj.exe", "_gpj.exe-"),
        ("trailing. .mp4", "trailing_-"),
    ],
)
def test_names_of_folders_are_harmless(name: str, start: str) -> None:
    safe = clip_name(name)
    assert safe == start if not start.endswith("-") else safe[:-6] == start
    assert not set(safe) & set('<>:"/\\|?*\x00\r\n\u202e')


def test_names_that_differ_stay_different() -> None:
    long = "длинное имя " * 40
    names = [
        "a:b",
        "a?b",
        "a_b",
        "a b",
        "A-b",
        " a b",
        "a b.",
        long + "1",
        long + "2",
        "猫1",
        "猫2",
    ]
    safe = [clip_name(name) for name in names]
    assert len(set(safe)) == len(names)
    assert max(len(name.encode()) for name in safe) <= MAX_NAME_BYTES
