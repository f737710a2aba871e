"""Kept thin: the client processes of `load.py` import this module again."""

if __name__ == "__main__":
    from benchmarks.run import main

    main()
