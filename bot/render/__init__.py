"""Rendering: wording from `templates/`, data from the store, and nothing in an alert that can ping, link or forge (C4).

Used by the Slack room, the recorders and the commands that print cards. Must not read the store, a clock or a network.
"""

from bot.render.renderer import Message, Renderer

__all__ = ["Message", "Renderer"]
