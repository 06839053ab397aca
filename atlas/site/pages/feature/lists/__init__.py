"""The lists of readers that hold the feature, with their notes on it, and a form that puts it into one."""

from atlas.site.lists.feature_list import LONGEST_NAME, LONGEST_NOTE, ListError
from atlas.site.lists.kept_lists import lists_of_server
from atlas.site.pages.addresses import list_address
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.page import PageError

HEADING = "Lists"


async def read(about: Feature) -> Record | None:
    """The lists that hold it, and the others; None where this server keeps none.

    Raises:
        PageError: the file of lists cannot be read.
    """
    kept = lists_of_server(about.datasette)
    if kept is None:
        return None
    try:
        holding = kept.lists.holding(about.sae["release"], about.sae["sae_id"], about.index)
        names = [each.name for each in kept.lists.summaries()]
    except ListError as error:
        raise PageError(str(error), error.status) from error
    return {
        "holding": [
            {"name": name, "note": note, "address": list_address(about.datasette, name)} for name, note in holding
        ],
        "others": [name for name in names if name not in dict(holding)],
        "write": str(about.datasette.urls.path("lists")),
        "longest_name": LONGEST_NAME,
        "longest_note": LONGEST_NOTE,
    }
