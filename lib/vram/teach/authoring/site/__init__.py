"""The course as a static site: every executed lesson, solution, page and deck, to read from disk or a web server."""
