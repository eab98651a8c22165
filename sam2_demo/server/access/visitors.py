"""Who sends a request, as far as fairness needs to know."""

import ipaddress

from starlette.requests import Request

SESSION_HEADER = "x-sam2-visitor"
MAX_SESSION_LENGTH = 64


def visitor_of(address: str | None, session: str | None) -> str:
    """Returns a name for the sender of a request; requests of one name share what they may use.

    A public address is one visitor, whatever session it claims: sessions cost nothing. Behind an
    address of this machine or network, such as a proxy's or a share link's, there may be many, who
    are told apart by their sessions.

    Args:
        address: The address of the client.
        session: What the client calls its session.
    """
    try:
        is_shared = not ipaddress.ip_address(address or "").is_global
    except ValueError:
        is_shared = True
    return f"{address} {(session or '')[:MAX_SESSION_LENGTH]}" if is_shared else str(address)


def sender_of(request: Request) -> str:
    """Returns the visitor that a request of the page comes from."""
    address = request.client.host if request.client else None
    return visitor_of(address, request.headers.get(SESSION_HEADER))
