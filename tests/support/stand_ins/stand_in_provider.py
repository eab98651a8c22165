"""A server on this machine that says who somebody is, as Hugging Face does (OpenID Connect)."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class StandInProvider:
    """What the server knows.

    Attributes:
        address: Where it answers.
        client: The name and the secret of the only client.
        codes: By code, the account and the challenge that the browser brought.
    """

    address: str = ""
    client: tuple[str, str] = ("space", "hidden")
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def visit(self, address: str, account: str) -> dict[str, str]:
        """Returns what an account's browser takes back after it was sent to an address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.address}/authorize?")
        assert (asked["client_id"], asked["response_type"]) == (self.client[0], "code")
        self.codes[f"code-{account}"] = account, asked["code_challenge"]
        return {"code": f"code-{account}", "state": asked["state"]}


@contextmanager
def stand_in_provider() -> Iterator[StandInProvider]:
    """Yields a running provider."""
    provider = StandInProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/.well-known/openid-configuration":
                kinds = ("authorization", "token", "userinfo")
                names = ("authorize", "token", "userinfo")
                places = zip(kinds, names, strict=True)
                self._send({f"{k}_endpoint": f"{provider.address}/{n}" for k, n in places})
            elif self.path == "/userinfo":
                account = self.headers["Authorization"].removeprefix("Bearer token-")
                self._send({"sub": "1", "preferred_username": account})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            form = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
            own = base64.b64encode(":".join(provider.client).encode()).decode()
            account, challenge = provider.codes.pop(form.get("code", ""), ("", ""))
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            is_same = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
            if self.headers["Authorization"] == f"Basic {own}" and is_same:
                self._send({"access_token": f"token-{account}"})
            else:
                self._send({"error": "invalid_grant"}, 400)

        def _send(self, content: dict[str, str], status: int = 200) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
