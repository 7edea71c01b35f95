"""The local workspace: stand-ins for Slack, PagerDuty and ticket systems with a page, demo services and stories.

Used by `runbookctl sandbox` and the scenario tests. Must not import the bot's own rooms: the bot is started beside it
and sees only base addresses, exactly as with the real vendors (design.md section 10).
"""
