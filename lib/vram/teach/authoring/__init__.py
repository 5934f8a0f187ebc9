"""Tools of those who write the course: anatomy of a lesson, generated cells, canonical notebooks, links, JupyterLab."""
