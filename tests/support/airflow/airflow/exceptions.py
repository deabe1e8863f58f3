from stubbed import AirflowException, AirflowFailException  # noqa: F401
