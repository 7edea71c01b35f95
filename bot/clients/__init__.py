"""Clients are the only modules that open vendor sockets; foreign errors become bot.errors here, once."""
