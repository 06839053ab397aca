-- Version 23: how the tokens of an import are spelled in its files, and imports of delphi's caches.

ALTER TABLE vocabulary ADD COLUMN spelled VARCHAR;

COMMENT ON COLUMN vocabulary.spelled IS 'How the export spells it that it was imported from, where not as text';

COMMENT ON COLUMN sae_import.format IS 'Format of the export: neuronpedia, saedashboard, delphi';
