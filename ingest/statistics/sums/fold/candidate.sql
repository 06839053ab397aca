ALTER TABLE slice_example RENAME TO candidate;
