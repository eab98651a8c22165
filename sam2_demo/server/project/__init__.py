"""A project on the page: who is signed in, what they may do, and the tasks that they work on."""
