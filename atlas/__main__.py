"""The `atlas` command from its first moment: while its modules are imported, Ctrl-C ends it without a traceback."""

import signal


def main() -> None:
    """Run the command line; its own handling of signals begins once it is imported."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from atlas.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
