"""Labels made from what a feature fires on, or worded by a language model of the user's choice."""
