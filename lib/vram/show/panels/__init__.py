"""The panels of the lessons, one file a lesson; each panel is a few controls and a pure function of their values."""
