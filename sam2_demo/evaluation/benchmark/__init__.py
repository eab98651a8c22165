"""How fast a session is on this machine, and how much memory it takes."""
