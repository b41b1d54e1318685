"""Whole processes, talked to as their users do: signals, files, sockets, standard output."""
