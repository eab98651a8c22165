"""The connection to a Ray cluster: what is said where it cannot be made."""

import argparse
import sys

import pytest

from sam2_demo.core.errors import SettingError
from sam2_demo.core.ray_cluster import ray_cluster
from sam2_demo.core.ray_workers import add_worker_arguments, chosen_workers


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match="pip install ray"), ray_cluster("local"):
        pass


@pytest.mark.parametrize("address", ["nonsense", "host:", ":6379", "host:x", "ray://host:1/"])
def test_what_is_no_address_is_refused(address: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(SettingError, match="no address of a Ray cluster"), ray_cluster(address):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1:99999"])
def test_where_no_cluster_is_it_is_said_at_once(address: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(SettingError, match="no Ray cluster at"), ray_cluster(address):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ray-cores", "2"), "give --ray, too"),
        (("--ray", "local", "--device", "cuda:1"), "--device cuda:1 means nothing with --ray"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: tuple[str, ...], message: str) -> None:
    parser = argparse.ArgumentParser()
    add_worker_arguments(parser)
    parser.add_argument("--device")
    with (
        pytest.raises(SettingError, match=message),
        chosen_workers(parser.parse_args(options)),
    ):
        pass
