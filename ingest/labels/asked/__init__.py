"""A language model of the user's choice that words labels or judges them; nothing is sent unless one is named."""
