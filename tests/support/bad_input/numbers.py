"""Numbers, their ranges, and the reject limit."""

from __future__ import annotations

from dataclasses import replace

from tests.support.bad_input.builders import (
    FIRST_SECOND,
    GOOD,
    LAST_SECOND,
    MANY,
    MANY_ROWS,
    MAX,
    RATINGS,
    TWO,
    Case,
    bad,
    good,
    refused,
)

FAMILIES: dict[str, list[Case]] = {
    "Numbers": [
        good(
            " 1 ,2 , 3.5,\t964982704 ", 1, 2, 3.5, 964982704, name="spaces and a tab round numbers"
        ),
        good(
            "\u00a01,2,3.5\u2003,964982704",
            1,
            2,
            3.5,
            964982704,
            name="no-break and em spaces round numbers",
        ),
        good("0001,2,3.50,00964982704", 1, 2, 3.5, 964982704),
        good("+1,2,+3.5,964982704", 1, 2, 3.5, 964982704),
        good("9.0,2.,3.5,964982704.00", 9, 2, 3.5, 964982704),
        good("-0,2,3.5,964982704", 0, 2, 3.5, 964982704),
        good("1,2,.5,964982704", 1, 2, 0.5, 964982704),
        good("1,2,5,964982704", 1, 2, 5.0, 964982704),
        good("1,2,35e-1,964982704", 1, 2, 3.5, 964982704),
        good("1,2,0.35E+1,964982704", 1, 2, 3.5, 964982704),
        good(f"0,{MAX},5.0,{LAST_SECOND}", 0, MAX, 5.0, LAST_SECOND, name="the largest of all"),
        good(f"0,0,0.5,{FIRST_SECOND}", 0, 0, 0.5, FIRST_SECOND, name="the smallest of all"),
        good("1,2,1e-3", 1, 2, 0.001, dataset="genome-scores"),
        good("1,2,0.30000000000000004", 1, 2, 0.30000000000000004, dataset="genome-scores"),
        bad("9.5,2,3.5,964982704", "user_id", "'9.5' is not a whole number"),
        bad("1e3,2,3.5,964982704", "user_id", "'1e3' is not a whole number"),
        bad("0x10,2,3.5,964982704", "user_id", "'0x10' is not a whole number"),
        bad("0b1,2,3.5,964982704", "user_id", "'0b1' is not a whole number"),
        bad("1_000,2,3.5,964982704", "user_id", "'1_000' is not a whole number"),
        bad("1 000,2,3.5,964982704", "user_id", "'1 000' is not a whole number"),
        bad("1'000,2,3.5,964982704", "user_id", "is not a whole number"),
        bad('"1,000",2,3.5,964982704', "user_id", "'1,000' is not a whole number"),
        bad("1,2,3.5,1,000", None, "5 fields; expected 4"),
        bad("--1,2,3.5,964982704", "user_id", "'--1' is not a whole number"),
        bad("- 1,2,3.5,964982704", "user_id", "'- 1' is not a whole number"),
        bad(
            "\u0661,2,3.5,964982704",
            "user_id",
            "is not a whole number",
            name="an Arabic-Indic digit",
        ),
        bad(
            "\uff11,2,3.5,964982704", "user_id", "is not a whole number", name="a full-width digit"
        ),
        bad(
            "\u00b2,2,3.5,964982704", "user_id", "is not a whole number", name="a superscript digit"
        ),
        bad(
            "1\u200b,2,3.5,964982704", "user_id", "is not a whole number", name="a zero-width space"
        ),
        bad(
            "\u22121,2,3.5,964982704",
            "user_id",
            "is not a whole number",
            name="a minus sign of print",
        ),
        bad("true,2,3.5,964982704", "user_id", "'true' is not a whole number"),
        bad("NULL,2,3.5,964982704", "user_id", "'NULL' is not a whole number"),
        bad("-1,2,3.5,964982704", "user_id", f"-1 is not between 0 and {MAX}"),
        bad(f"1,{MAX + 1},3.5,964982704", "movie_id", "is beyond 64 bits", name="2^63 as an id"),
        bad(
            f"1,-{MAX + 2},3.5,964982704",
            "movie_id",
            "is beyond 64 bits",
            name="-2^63 - 1 as an id",
        ),
        bad(
            f"1,{'9' * 60},3.5,964982704",
            "movie_id",
            "is beyond 64 bits",
            name="an id of 60 digits",
        ),
        bad(
            f"1,{'9' * 9000},3.5,964982704",
            "movie_id",
            "is beyond 64 bits",
            name="an id of 9,000 digits",
        ),
        bad("1,2,good,964982704", "rating", "'good' is not a number"),
        bad("1,2,3.5 stars,964982704", "rating", "'3.5 stars' is not a number"),
        bad("1,2,nan,964982704", "rating", "'nan' is not a number"),
        bad("1,2,inf,964982704", "rating", "'inf' is not a number"),
        bad("1,2,-Infinity,964982704", "rating", "'-Infinity' is not a number"),
        bad("1,2,1e400,964982704", "rating", "'1e400' is beyond 64 bits"),
        bad(
            '1,2,"3,5",964982704', "rating", "'3,5' is not a number", name="decimal comma in quotes"
        ),
        bad("1,2,3,5,964982704", None, "5 fields; expected 4", name="decimal comma"),
        bad("1,2,3.5.1,964982704", "rating", "'3.5.1' is not a number"),
        bad("1,2,50%,964982704", "rating", "'50%' is not a number"),
        bad("1,2,3_5,964982704", "rating", "'3_5' is not a number"),
        bad("1,2,.,964982704", "rating", "'.' is not a number"),
        bad("1,2,1/2,964982704", "rating", "'1/2' is not a number"),
        bad("1,2,3.5,964982703.5", "timestamp", "is not a whole number"),
        bad("1,2,3.5,1e9", "timestamp", "'1e9' is not a whole number"),
        bad("1,2,3.5,2000-07-30 18:45:03", "timestamp", "is not a whole number"),
        bad("1,2,3.5,2000-07-30T18:45:03Z", "timestamp", "is not a whole number"),
        bad("3,0114709,x", "tmdb_id", "'x' is not a whole number", "links"),
    ],
    "Ranges": [
        bad("1,2,55.0,964982704", "rating", "55.0 is not between 0.5 and 5.0"),
        bad("1,2,0,964982704", "rating", "0.0 is not between 0.5 and 5.0"),
        bad("1,2,-1,964982704", "rating", "-1.0 is not between 0.5 and 5.0"),
        bad("1,2,-0,964982704", "rating", "is not between 0.5 and 5.0"),
        bad("1,2,3.7,964982704", "rating", "3.7 is not a multiple of 0.5"),
        bad("1,2,4.5000000001,964982704", "rating", "4.5000000001 is not a multiple of 0.5"),
        bad("1,2,3.5,-4", "timestamp", f"-4 is not between {FIRST_SECOND} and {LAST_SECOND}"),
        bad("1,2,3.5,0", "timestamp", "0 is not between", name="the year 1970"),
        bad(f"1,2,3.5,{FIRST_SECOND - 1}", "timestamp", "is not between", name="the year 1994"),
        bad(f"1,2,3.5,{LAST_SECOND + 1}", "timestamp", "is not between", name="the year 2101"),
        bad(
            "1,2,3.5,964982703000",
            "timestamp",
            "is not between",
            name="a timestamp in milliseconds",
        ),
        bad("1,2,1.5", "relevance", "1.5 is not between 0.0 and 1.0", "genome-scores"),
        bad("1,2,-0.1", "relevance", "-0.1 is not between", "genome-scores"),
    ],
    "Ranges, with MOVIELENS_RANGE_CHECKS=warn": [
        replace(case, settings={"range_checks": "warn"})
        for case in [
            good(
                "1,2,55.0,964982704",
                1,
                2,
                55.0,
                964982704,
                warned=("1 row with rating out of range (55.0)",),
            ),
            good(
                "1,2,3.7,964982704",
                1,
                2,
                3.7,
                964982704,
                warned=("1 row with rating out of range (3.7)",),
            ),
            good(
                "1,2,-1,964982704",
                1,
                2,
                -1.0,
                964982704,
                warned=("1 row with rating out of range (-1.0)",),
            ),
            good(
                "-1,2,3.5,964982704",
                -1,
                2,
                3.5,
                964982704,
                warned=("1 row with user_id out of range (-1)",),
            ),
            good(
                "1,2,3.5,964982703000", 1, 2, 3.5, 964982703000, warned=("timestamp out of range",)
            ),
            good("1,2,1.5", 1, 2, 1.5, dataset="genome-scores", warned=("relevance out of range",)),
            good(
                f"1,-{2**63},3.5,-4",
                1,
                -(2**63),
                3.5,
                -4,
                warned=("movie_id out of range", "timestamp out of range"),
            ),
            good("3,x,-5", 3, "x", -5, dataset="links", warned=("tmdb_id out of range",)),
            bad("1,2,1e400,964982704", "rating", "is beyond 64 bits"),
            bad(f"1,{2**63},3.5,964982704", "movie_id", "is beyond 64 bits"),
            bad("1,2,good,964982704", "rating", "'good' is not a number"),
            bad("1,,3.5,964982704", "movie_id", "a value is required"),
            Case("all in range", "ratings.csv", MANY, MANY_ROWS),
            Case(
                "all out of range",
                "ratings.csv",
                f"{RATINGS}\n1,2,0,964982704\n1,3,9.9,964982704\n".encode(),
                ((1, 2, 0.0, 964982704), (1, 3, 9.9, 964982704)),
                warned=("2 rows with rating out of range (0.0 to 9.9)",),
            ),
        ]
    ],
    "Reject limit": [
        Case(
            "10 bad rows of 12",
            "ratings.csv",
            (GOOD + "x,2,3.5,964982704\n" * 10).encode(),
            TWO["ratings"],
            tuple((n, "user_id", "'x'") for n in range(4, 14)),
        ),
        refused(
            "11 bad rows of 13",
            GOOD + "x,2,3.5,964982704\n" * 11,
            "more than 10 rows had to be rejected",
            "line 4: user_id: 'x' is not a whole number",
            "MOVIELENS_REJECT_ROWS",
        ),
        refused(
            "1 row, and it is bad",
            RATINGS + "\nx,2,3.5,964982704\n",
            "none of its rows can be loaded",
            "line 2: user_id",
        ),
        refused(
            "10 rows, all bad",
            RATINGS + "\n" + "x,2,3.5,964982704\n" * 10,
            "none of its rows can be loaded",
        ),
        Case(
            "0.1 % of 15,000 rows, after an unbalanced quote",
            "ratings.csv",
            MANY.replace(b"\n", b'\n1,"2,3.5,964982704\n', 1)
            + b"".join(MANY.partition(b"\n")[2:]) * 4
            + b"x,2,3.5,964982704\n" * 14,
            MANY_ROWS * 5,
            ((2, None, "unbalanced"), *((n, "user_id", "'x'") for n in range(15_003, 15_017))),
        ),
        refused(
            "0.11 % of 15,000 rows",
            MANY + b"".join(MANY.partition(b"\n")[2:]) * 4 + b"x,2,3.5,964982704\n" * 16,
            "more than 15 rows had to be rejected",
        ),
    ],
}
