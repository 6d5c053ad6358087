"""Python types and their JSON form: schemas, decoding and encoding."""
