"""The matplotlib charts of the lessons, one file a lesson.

Each takes `ax=None` and returns the `Axes`; `vram.show.figure` turns it into a picture with its numbers beside it.
"""
