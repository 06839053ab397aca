"""From documents to rows: what is known, what is new, what is replaced, in which batches, and how it is stored."""
