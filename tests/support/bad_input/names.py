"""Names, kinds of file, and times."""

from __future__ import annotations

import os

from tests.support.bad_input.builders import (
    GOOD,
    Case,
    file,
)

FAMILIES: dict[str, list[Case]] = {
    "Names": [
        *(
            file(f"`{path}`", GOOD, path=path)
            for path in (
                "RATINGS.CSV",
                "Ratings.Csv",
                "ratings (copy) #1.csv",
                "ratings%20a.csv",
                "ratings[1].csv",
                "ratings*.csv",
                "ratings?.csv",
                "ratings-ñ風.csv",
                "ratings'\";--.csv",
                "ratings..csv",
                "ratings-..csv",
                "ratings 2024-01-01T00:00:00.csv",
                "ratings{a,b}.csv",
                "ratings~.csv",
                "ratings/part-0001.csv",
                "Ratings/2024/a..b.csv",
                "a b/ratings.csv",
                "#/ratings.csv",
                "%2e%2e/ratings.csv",
                "$HOME/ratings.csv",
                "ratings\\x.csv",
                "ratings/-rf.csv",
            )
        ),
        file("a line end in the name", GOOD, path="ratings\n.csv"),
        *(
            Case(f"`{path}`", path, GOOD.encode(), ignored=True)
            for path in (
                ".ratings.csv",
                ".hidden/ratings.csv",
                "ratings.csv.part",
                "ratings.csv~",
                "ratings.txt",
                "ratings",
                "my-ratings.csv",
                "ratingsheet.csv",
                "ratings.csv.bak",
                "ratings.gz",
                "ratings.csv.xz",
                "README",
            )
        ),
        Case("a folder named ratings.csv", "ratings.csv/x.txt", b"x", ignored=True),
        Case("a pipe", "ratings.csv", lambda path: os.mkfifo(path), ignored=True),
        Case(
            "a link to nowhere",
            "ratings.csv",
            lambda path: path.symlink_to("nowhere"),
            ignored=True,
        ),
        Case("a link to itself", "ratings.csv", lambda path: path.symlink_to(path), ignored=True),
        Case(
            "a link to its own folder",
            "ratings.csv",
            lambda path: path.symlink_to(path.parent),
            ignored=True,
        ),
        Case("a device", "ratings.csv", lambda path: path.symlink_to("/dev/zero"), ignored=True),
    ],
    "Times": [
        file("in the future", GOOD, modified=4_102_444_800),
        file("as long ago as can be", GOOD, modified=0),
        file("before 1970", GOOD, modified=-86_400),
        file("the same as another's", GOOD, modified=1_000_000_000),
        file("the same as another's (the other)", GOOD, modified=1_000_000_000),
    ],
}
