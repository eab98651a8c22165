"""Reading masks of one video that were made elsewhere, or downloaded here."""
