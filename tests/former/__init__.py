"""Tests of the former names, one file a module of `bustapi._former`."""
