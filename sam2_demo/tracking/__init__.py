"""How frames are computed: what is remembered, attended to and kept."""
