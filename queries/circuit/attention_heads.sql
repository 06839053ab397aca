-- title: What each head looks at in a corpus
-- description: Means over the documents of a corpus: weight on BOS, on the token before, on earlier places of the same token, on what came after those (induction), on the span of the document's term; and the entropy of the weights in nats. Those that look most at the term come first.
-- database: atlas
-- param corpus: VARCHAR = ''  -- name of the corpus; empty: every one
-- param limit: INTEGER = 200  -- most rows shown
SELECT
    m.name AS model,
    c.name AS corpus,
    h.layer,
    h.head,
    h.documents,
    h.term,
    h.previous,
    h.same,
    h.induction,
    h.bos,
    h.entropy
FROM attention_head AS h
JOIN model AS m ON m.model = h.model
JOIN corpus AS c ON c.corpus = h.corpus
WHERE (:corpus = '' OR c.name = :corpus)
ORDER BY h.term DESC NULLS LAST, h.previous DESC NULLS LAST, m.name, c.name, h.tokenization, h.layer, h.head
LIMIT :limit
