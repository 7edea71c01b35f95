"""Game days: faults that are real in the sandbox, people who click, and a score of what the bot made of it (mission O4).

`runbookctl gameday` reads a scenario (load.py, scenario.py), prepares a workspace (world.py), plays it (play.py, hands.py,
bot/sandbox/faults.py), notes what people and vendors see (watch.py, sight.py) and scores it (score.py, table.py). Like the
stories it must not reach into the bot: the bot is a process that knows only addresses.
"""
