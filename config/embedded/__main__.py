"""Show or stop the embedded servers: `python -m config.embedded status`, `python -m config.embedded stop`."""

import argparse

from config.embedded.servers import postgresql, redis, stop_unused


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m config.embedded",
        description="Show the embedded servers, or stop those whose last user was killed before it could.",
    )
    parser.add_argument("command", choices=["status", "stop"])
    if parser.parse_args().command == "stop" and not stop_unused():
        parser.exit(1, "Not stopped: another process uses the servers. End it, and they stop with it.\n")
    for server in (postgresql(), redis()):
        state = f"runs as process {pid}, socket {server.socket}" if (pid := server.pid()) else "is stopped"
        print(f"{server.name} {state}, data {server.data}")


if __name__ == "__main__":
    main()
