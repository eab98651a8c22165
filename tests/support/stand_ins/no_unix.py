"""Hides what Python lacks on Windows, for the programs that a test starts."""

from pathlib import Path

MODULES = ("fcntl", "grp", "pwd", "resource", "syslog")
FUNCTIONS = ("fork", "forkpty", "getpgid", "killpg", "setsid", "wait4")
SIGNALS = ("SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGXFSZ")

HIDING = f"""
import os, signal, sys
sys.modules.update(dict.fromkeys({MODULES}))
for owner, names in ((os, {FUNCTIONS}), (signal, {SIGNALS})):
    for name in names:
        delattr(owner, name)
"""


def hide_unix(folder: Path) -> dict[str, str]:
    """Returns environment variables with which a Python starts without all of that."""
    (folder / "sitecustomize.py").write_text(HIDING, "utf-8")
    return {"PYTHONPATH": str(folder)}
