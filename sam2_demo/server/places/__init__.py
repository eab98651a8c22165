"""Places other than this process where a session's masks can be computed."""
