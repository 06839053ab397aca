"""The commands of `atlas`, one module each; a module is imported only when its command is asked for."""
