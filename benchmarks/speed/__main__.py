"""How fast Lamplight is on this machine, each part beside a peer measured in the same run."""

import argparse

from benchmarks.speed import basket, encode, fetching, imports, index, query, search, words

PARTS = {"encode": encode, "index": index, "search": search, "query": query, "imports": imports}
PARTS |= {"fetching": fetching, "basket": basket, "words": words}
EXAMPLES = """examples:
  python -m benchmarks.speed encode
  python -m benchmarks.speed encode --weights efficientnet_lite2:imagenet resnet50:weights/resnet50.pth
  python -m benchmarks.speed index demo/catalog/catalog.csv
  python -m benchmarks.speed search
  python -m benchmarks.speed query
  python -m benchmarks.speed imports
  python -m benchmarks.speed fetching
  python -m benchmarks.speed basket
  python -m benchmarks.speed words --rows 1000000
"""


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__, epilog=EXAMPLES, formatter_class=raw
    )
    parts = parser.add_subparsers(required=True, metavar="PART")
    for name, module in PARTS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        part = parts.add_parser(name, help=summary, description=module.__doc__, formatter_class=raw)
        module.add_arguments(part)
        part.set_defaults(run=module.run)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
