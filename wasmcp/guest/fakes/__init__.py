"""Fakes of host interfaces for unit tests, exported by `wasmcp.guest.testing`. Not part of components."""
