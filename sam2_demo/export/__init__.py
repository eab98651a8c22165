"""What people take away: videos, masks, run lengths, tables."""
