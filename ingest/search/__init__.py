"""Features found by what one has: a sentence, or example sentences of what one looks for and of what one does not."""
