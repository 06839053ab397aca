"""What is asked of an atlas about features that are written out."""
