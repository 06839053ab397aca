SELECT
    i.format,
    i.source,
    i.dataset,
    i.prompts,
    i.tokens_in_prompt,
    i.files_sha256
FROM sae_import AS i
WHERE i.sae = :sae
