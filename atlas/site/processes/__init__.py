"""Child processes that answer the server's questions: what may run away, or needs a lot of memory, lives in one."""
