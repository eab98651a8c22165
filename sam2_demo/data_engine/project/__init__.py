"""A project: many videos whose masklets are made, verified, counted and exported by a team."""
