"""The local workspace: stand-ins for Slack, PagerDuty and ticket systems with a page, demo services and stories.

Used by `runbookctl sandbox` and the scenario tests. The bot is started beside it and sees only base addresses, exactly
as with the real vendors (design.md section 10), so the stand-ins must not import the bot's own rooms. One module does:
history.py writes resolved incidents into `bot.store` before the bot first starts, because a past cannot be sent by
webhook.
"""
