"""Computing a session's answers in another process, which need not remember any earlier call."""
