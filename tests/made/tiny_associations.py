"""The associations of the small atlas: a number of its documents, and its three domains, computed as in any atlas."""

from ingest.contrasts.associations.association_figures import compute_figures
from ingest.contrasts.associations.question import (
    Question,
    covered_documents,
    documents_hash,
    documents_with_labels,
    read_associated_documents,
)
from ingest.contrasts.associations.stored_associations import store_association
from schema import Atlas

YEARS = (2015, 2012, 2019, 2016, 2010, 2018, 1991, 1997, 1999, 1993, 1990, 1998, 2003, 2005)
"""Of each document; the last has none."""

QUESTIONS = (
    Question("years", "year", ()),
    Question("domains", None, ("domain=medicine", "domain=everyday", "domain=geography")),
)
SHUFFLES = 100


def fill_associations(atlas: Atlas) -> None:
    """Add the numbers and the associations; to be called inside a transaction."""
    for document, year in enumerate(YEARS):
        atlas.rows("INSERT INTO document_field VALUES (?, 'year', ?)", [document, year])
    for question in QUESTIONS:
        borne = documents_with_labels(atlas, question)
        for sae, d_sae in atlas.rows("SELECT sae, d_sae FROM sae ORDER BY sae"):
            labels = covered_documents(atlas, sae, borne)
            asked = read_associated_documents(atlas, sae, labels, question, "document")
            found = compute_figures(atlas, (sae, d_sae), asked, question.sets, ("document", SHUFFLES))
            found.summary["documents_without"] = borne.without
            store_association(atlas, question, "document", sae, found, documents_hash(atlas, sae, labels))
