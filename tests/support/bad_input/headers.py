"""Headers, and new columns."""

from __future__ import annotations

from tests.support.bad_input.builders import (
    GOOD,
    MOVIES,
    RATINGS,
    Case,
    file,
    refused,
)

FAMILIES: dict[str, list[Case]] = {
    "Headers": [
        file("in capitals", GOOD.replace(RATINGS, RATINGS.upper())),
        file(
            "spaces round the names", GOOD.replace(RATINGS, " userId , movieId,rating ,\ttimestamp")
        ),
        file("quoted names", GOOD.replace(RATINGS, '"userId","movieId","rating","timestamp"')),
        file(
            "columns in another order",
            "timestamp,rating,movieId,userId\n964982704,3.5,2,1\n",
            [(1, 2, 3.5, 964982704)],
        ),
        Case(
            "an optional column is missing",
            "links.csv",
            b"imdbId,movieId\n0114709,1\n",
            ((1, "0114709", None),),
            warned=("it has no column 'tmdbId': loaded as null",),
        ),
        Case(
            "an optional column is misspelt",
            "links.csv",
            b"movieId,imdbId,tmbdId\n1,0114709,862\n",
            ((1, "0114709", None, "862"),),
            new=("tmbd_id",),
            warned=("it has no column 'tmdbId' (the nearest is 'tmbdid'): loaded as null",),
        ),
        Case(
            "an optional column is wholly empty",
            "links.csv",
            b"movieId,imdbId,tmdbId\n1,,\n2,,\n",
            ((1, None, None), (2, None, None)),
        ),
        refused(
            "a required column is missing",
            "userId,movieId,rating\n1,2,3.5\n",
            "'timestamp' is missing",
            "expected: userId,movieId,rating,timestamp",
            "found: userId,movieId,rating",
        ),
        refused(
            "a required column is renamed",
            GOOD.replace("timestamp", "time_stamp"),
            "'timestamp' is missing (the nearest is 'time_stamp')",
        ),
        refused(
            "a required column is misspelt",
            GOOD.replace("userId", "usreId"),
            "'userId' is missing (the nearest is 'usreid')",
        ),
        refused(
            "RAW's names",
            GOOD.replace("userId,movieId", "user_id,movie_id"),
            "'userId' is missing (the nearest is 'user_id')",
        ),
        refused(
            "no header",
            GOOD.partition("\n")[2],
            "no header: the first line is data (1,2,3.5,964982703)",
        ),
        refused(
            "a column twice",
            GOOD.replace(RATINGS, "userId,movieId,rating,rating,timestamp"),
            "names a column twice: rating",
        ),
        refused(
            "a column twice, in another case",
            GOOD.replace(RATINGS, f"{RATINGS},USERID"),
            "names a column twice: userid",
        ),
        refused("semicolons", GOOD.replace(",", ";"), "separated by semicolons; expected commas"),
        refused("tabs", GOOD.replace(",", "\t"), "separated by tabs; expected commas"),
        refused("bars", GOOD.replace(",", "|"), "separated by bars; expected commas"),
        refused(
            "the old releases' `::`",
            GOOD.replace(",", "::"),
            "'userId' is missing",
            "found: userId::movieId",
        ),
        refused("a line `sep=,`", "sep=,\n" + GOOD, "'sep=,'", "expected a header"),
        refused(
            "a line `sep=;`", "sep=;\n" + GOOD.replace(",", ";"), "'sep=;'", "expected a header"
        ),
        refused(
            "a comment before it", "# ratings\n" + GOOD, "'userId' is missing", "found: # ratings"
        ),
        refused("a title before it", "MovieLens ratings,,,\n" + GOOD, "'userId' is missing"),
        refused(
            "an unbalanced quote",
            GOOD.replace("userId", '"userId'),
            "unbalanced or misplaced quote",
        ),
        refused(
            "of another dataset",
            f"{MOVIES}\n1,a,b\n",
            "'userId' is missing",
            "found: movieId,title,genres",
        ),
        refused("JSON", '{"userId": 1}\n', "'userId' is missing"),
        refused(
            "a web page",
            "<!DOCTYPE html>\n<html></html>\n",
            "'userId' is missing",
            "found: <!DOCTYPE html>",
        ),
        file(
            "a comma at its end",
            f"{RATINGS},\n1,2,3.5,964982704,\n",
            [(1, 2, 3.5, 964982704, None)],
            new=("column_5",),
        ),
        file(
            "a comma at its end only",
            GOOD.replace(RATINGS, RATINGS + ","),
            (),
            rejected=(),
            refused=("none of its rows can be loaded", "line 2: row: 4 fields; expected 5"),
        ),
        file(
            "two commas at its end",
            f"{RATINGS},,\n1,2,3.5,964982704,,\n",
            [(1, 2, 3.5, 964982704, None, None)],
            new=("column_5", "column_6"),
        ),
        refused(
            "100,000 columns",
            RATINGS + "".join(f",c{n}" for n in range(100_000)) + "\n",
            "100,000 columns",
            "at most 100 new ones",
        ),
        refused(
            "a name of 2 MB",
            RATINGS + "," + "x" * 2_000_000 + "\n",
            "first line is longer than 1 MB",
        ),
    ],
    "New columns": [
        file(
            "one, in the middle",
            "userId,device,movieId,rating,timestamp\n1,007,2,3.5,964982704\n1,,2,3.5,964982704\n",
            [(1, 2, 3.5, 964982704, "007"), (1, 2, 3.5, 964982704, None)],
            new=("device",),
        ),
        file(
            "whole numbers in this file",
            f"{RATINGS},score\n1,2,3.5,964982704,10\n",
            [(1, 2, 3.5, 964982704, "10")],
            new=("score",),
        ),
        file(
            "decimals in this one",
            f"{RATINGS},Score\n1,2,3.5,964982704,2.5\n",
            [(1, 2, 3.5, 964982704, "2.5")],
            new=("score",),
        ),
        file(
            "text in this one",
            f"{RATINGS},SCORE\n1,2,3.5,964982704,abc\n",
            [(1, 2, 3.5, 964982704, "abc")],
            new=("score",),
        ),
        file(
            "an SQL keyword",
            f"{RATINGS},select\n1,2,3.5,964982704,x\n",
            [(1, 2, 3.5, 964982704, "x")],
            new=("select",),
        ),
        file(
            "an SQL statement",
            f'{RATINGS},"x""; drop table raw.ratings; --"\n1,2,3.5,964982704,x\n',
            [(1, 2, 3.5, 964982704, "x")],
            new=("x_drop_table_raw_ratingsxxx",),
        ),
        file(
            "500 characters",
            f"{RATINGS},{'long' * 125}\n1,2,3.5,964982704,x\n",
            [(1, 2, 3.5, 964982704, "x")],
            new=("longlonglonglonglonglonglonglhwphlqlonglonglonglonglonglonglong",),
        ),
        file(
            "an emoji",
            f"{RATINGS},\U0001f600\n1,2,3.5,964982704,x\n",
            [(1, 2, 3.5, 964982704, "x")],
            new=("x",),
        ),
        refused(
            "dlt's own names",
            f"{RATINGS},_dlt_id\n1,2,3.5,964982704,x\n",
            "'_dlt_id' is reserved by dlt",
        ),
        refused(
            "the name of provenance",
            f"{RATINGS},_file_id\n1,2,3.5,964982704,9\n",
            "the same name in RAW, _file_id",
        ),
        refused(
            "the name of another in RAW",
            f"{RATINGS},user_id\n1,2,3.5,964982704,9\n",
            "the same name in RAW, user_id: 'userId' and 'user_id'",
        ),
        refused(
            "two with one name in RAW",
            f"{RATINGS},deviceType,device type\n",
            "the same name in RAW, device_type: 'deviceType' and 'device type'",
        ),
    ],
}
