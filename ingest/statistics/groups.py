"""Groups of documents: the pieces of one book, law or patient, or one sentence template, which are not independent.

What is drawn, shuffled or put into a half is a group, never one of its documents.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped

POSITIVE, CONTROL, BOTH = 1, 2, 3

MIN_GROUPS = 5
"""Fewer independent groups of a side than this judge nothing, and bound nothing."""


class Groups(NamedTuple):
    """The groups of some documents.

    Shapes: member (document,), the group's place; first (group,), its first document; size (group,); side (group,),
    whether its documents are POSITIVE, CONTROL or BOTH, or of which class.
    """

    member: Int[np.ndarray, " document"]
    first: Int[np.ndarray, " group"]
    size: Int[np.ndarray, " group"]
    side: Int[np.ndarray, " group"]


def groups_of(group: Int[np.ndarray, " document"], positive: Bool[np.ndarray, " document"]) -> Groups:
    """The groups of documents that bear the number of their group."""
    numbers, first, member = np.unique(group, return_index=True, return_inverse=True)
    size = np.bincount(member, minlength=len(numbers))
    positives = np.bincount(member[positive], minlength=len(numbers))
    return Groups(member, first, size, POSITIVE * (positives > 0) + CONTROL * (positives < size))


def groups_of_classes(group: Int[np.ndarray, " document"], label: Int[np.ndarray, " document"]) -> Groups:
    """The same of several classes, from 0: the side of a group is 1 + its class, or 0 where its documents differ."""
    numbers, first, member = np.unique(group, return_index=True, return_inverse=True)
    side = label[first] + 1
    side[member[label != label[first[member]]]] = 0
    return Groups(member, first, np.bincount(member, minlength=len(numbers)), side)


def later_half_of_groups(groups: Groups, draw: Shaped[np.ndarray, " document"]) -> Bool[np.ndarray, " document"]:
    """Whether each document's group is in the later half by `draw`, of the groups that are on the same side.

    `draw` holds one value a group, such as a hash of its name. Of an odd number one more is in the earlier half.
    """
    order = np.lexsort((draw[groups.first], groups.side))
    side = groups.side[order]
    members = np.bincount(side, minlength=BOTH + 1)
    place = np.arange(len(side)) - (np.cumsum(members) - members)[side]
    late = np.zeros(len(side), dtype=bool)
    late[order] = place >= (members[side] + 1) // 2
    later: Bool[np.ndarray, " document"] = late[groups.member]
    return later
