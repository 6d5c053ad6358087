"""What others say is right: the types of the official SDK, and what each revision of the specification knows."""
