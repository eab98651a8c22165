"""Everything that belongs to the videos that people have open."""
