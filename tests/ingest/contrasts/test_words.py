"""What is said of a contrast's documents."""

from pathlib import Path

from ingest.contrasts.words import contrast_comparison_in_words
from schema import open_atlas


def test_a_group_of_several_sources_is_named_once_it_is_no_template(tiny_copy: Path) -> None:
    with open_atlas(tiny_copy) as atlas:
        ((name,),) = atlas.rows("SELECT name FROM contrast ORDER BY contrast LIMIT 1")
        before = contrast_comparison_in_words(atlas, name)
        compared = (
            f"document IN (SELECT document FROM contrast_document JOIN contrast USING (contrast) WHERE name = '{name}')"
        )
        atlas.rows(f"UPDATE document SET group_name = 'pair', template = 'pair' WHERE {compared}")
        assert contrast_comparison_in_words(atlas, name) == before
        atlas.rows(f"UPDATE document SET template = NULL, group_name = '7\x1b' WHERE {compared}")
        assert contrast_comparison_in_words(atlas, name) == before
        elsewhere = "(SELECT corpus FROM corpus WHERE name = 'travel/places')"
        first = f"(SELECT MIN(document) FROM document WHERE {compared})"
        atlas.rows(f"UPDATE document SET corpus = {elsewhere} WHERE document IN {first}")
        *others, told = contrast_comparison_in_words(atlas, name)
        assert others == before
        assert told.startswith(
            r"1 groups, such as '7\x1b', hold documents of several sources and count as one each; if"
        )
