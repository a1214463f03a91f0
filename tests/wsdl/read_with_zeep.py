#!/usr/bin/env python3
"""Reads each WSDL file given as a standard client library does, and prints its operations.

    python3 -m venv venv && venv/bin/pip install zeep
    venv/bin/python tests/wsdl/read_with_zeep.py wsdl/*.wsdl

Ends with 1 if a file cannot be read or has no operation.
"""

import sys

import zeep


def operations(path):
    """One line for each operation of the file: service, port, operation, input and output."""
    document = zeep.Client(path).wsdl
    for service in document.services.values():
        for port in service.ports.values():
            for operation in port.binding.all().values():
                takes = operation.input.signature(as_output=False)
                gives = operation.output.signature(as_output=True) if operation.output else "nothing"
                yield f"{service.name}/{port.name}: {operation.name}({takes}) -> {gives}"


def main(paths):
    failed = not paths
    for path in paths:
        try:
            lines = list(operations(path))
        except Exception as error:  # whatever the library raises, the file is not readable to it
            print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
            failed = True
            continue
        if not lines:
            print(f"{path}: no operations", file=sys.stderr)
            failed = True
        for line in lines:
            print(f"{path}: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
