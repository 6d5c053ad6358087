"""Component export: adapters between an author's module and the exports of its component."""
