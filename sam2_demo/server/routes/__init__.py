"""What the page and programs ask for, and in which form they are answered."""
