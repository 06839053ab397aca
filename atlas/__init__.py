"""What people touch: the `atlas` command, publishing, serving."""
