"""The web server: waitress, with bounds on what strangers may hold of it.

One thread reads all requests, so that a slow client holds a connection and nothing else. A request that has arrived
whole goes to one of a few lanes (`lanes`). Each has its own threads and a short queue, and refuses what is beyond.
"""
