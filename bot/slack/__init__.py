"""The Slack room: parse, ask bot/requests.py, answer. No decision is made here and no state is kept in a card."""
