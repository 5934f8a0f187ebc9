"""Will it fit? The calculator of lesson 00, which is also a page of its own: state, answers, page, controls.

state   what is asked: model, job, card, context, and the assumptions that the job has
config  a learner's own config.json, which nobody vouches for
ask     the engine's answers for a state: peak, limits, the one change that helps
share   a state as a line of Python, as a link, as text to copy
page    the answers as HTML
panel   the controls, and what they show
box     the same as widgets: the only file that needs ipywidgets
"""
