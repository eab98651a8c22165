"""Starting on a busy machine: Gradio gives its server five seconds, and then ends the app."""

import time

from gradio import http_server
from gradio.exceptions import ServerFailedToStartError

LOOK_INTERVAL_S = 0.05


class PatientServer(http_server.Server):
    """Waits for as long as the server is starting; one that cannot start ends by itself."""

    def run_in_thread(self) -> None:
        try:
            super().run_in_thread()  # type: ignore[no-untyped-call]
        except ServerFailedToStartError:
            while not self.started and self.thread.is_alive():
                time.sleep(LOOK_INTERVAL_S)
            if not self.started:
                raise


def start_patiently() -> None:
    """Makes Gradio start its server this way."""
    http_server.Server = PatientServer  # type: ignore[misc]
