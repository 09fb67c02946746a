"""Tests of the server, over sockets and in processes of its own."""
