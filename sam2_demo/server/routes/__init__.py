"""The HTTP routes of the page, the API for programs, and the JSON of both."""
