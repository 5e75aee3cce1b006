"""Checks whether a release is plausible as a whole: on the candidate, before readers see it.

Data tests look at rows. A release can pass all of them and still be wrong as a whole: half of the
ratings file is missing, two columns are swapped, the films are those of another release. So the
candidate's counts are compared with the published marts, with the README and with each other. An
implausible release is held back, unless the operator accepts it for one run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ingestion.build.environments import AUDIT, PRODUCTION, Environment
from ingestion.errors import AuditError
from ingestion.landing.readme import Readme
from ingestion.raw import readme, refusals
from ingestion.raw.manifest import CurrentFile
from ingestion.raw.refusals import Refusal
from ingestion.remedies import again
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse

Outcome = Literal["refused", "accepted", "reported"]

_README = "readme"
_CHECKS = "release_checks"


@dataclass(frozen=True)
class Counts:
    """How much a release holds.

    Attributes:
        ratings: Current ratings, one per user and film.
        users: People with at least one rating.
        movies: Films that a movies file lists.
        tags: Current tag applications.
        orphan_ratings: Ratings of films that no movies file lists.
        orphan_tags: Tag applications on films that no movies file lists.
    """

    ratings: int
    users: int
    movies: int
    tags: int
    orphan_ratings: int = 0
    orphan_tags: int = 0


@dataclass(frozen=True)
class Seen:
    """What readers see.

    Attributes:
        counts: How much it holds; None if nothing is published.
        source: URL of the landing zone it was built from; None if unknown.
        status: Its version, times, counts and tests; a row of `audit.seen_versions`, or none.
        top_films: Its best films; rows of `audit.seen_top_films`.
    """

    counts: Counts | None = None
    source: str | None = None
    status: Sequence[tuple[Any, ...]] = ()
    top_films: Sequence[tuple[Any, ...]] = ()


@dataclass(frozen=True)
class Finding:
    """A plausibility check that a release failed.

    Attributes:
        name: What was checked, such as `ratings shrink`.
        message: The figures, as text.
        outcome: `refused`; `accepted` by the operator; or `reported` only.
        setting: The setting with the limit; empty if there is none.
    """

    name: str
    message: str
    outcome: Outcome
    setting: str = ""


@dataclass(frozen=True)
class StatedCount:
    """A count that the README states.

    Attributes:
        what: `ratings`, `users`, `movies` or `tags`.
        stated: The README's figure.
        loaded: Rows in the current files; None for users, whom no file lists.
        counted: The candidate's figure.
        agrees: Whether rows and figure match the README.
    """

    what: str
    stated: int
    loaded: int | None
    counted: int
    agrees: bool = field(init=False)

    def __post_init__(self) -> None:
        agrees = self.counted == self.stated and self.loaded in (None, self.stated)
        object.__setattr__(self, "agrees", agrees)

    def __str__(self) -> str:
        rows = "" if self.loaded in (None, self.counted) else f" from {self.loaded:,} rows"
        return f"{self.what}: the README states {self.stated:,}, there are {self.counted:,}{rows}"


class ReleaseRefused(AuditError):
    """The release is implausible as a whole, so it was not published.

    Args:
        findings: The checks it failed.
        source: The landing zone it came from.
    """

    def __init__(self, findings: list[Finding], source: str) -> None:
        lines = "\n".join(f"  {_with_limit(finding)}" for finding in findings)
        super().__init__(
            "The release is implausible as a whole, so nothing was published; the published marts "
            f"are untouched:\n{lines}",
            f"check the files in {source}; if they are right: "
            + again("--accept-release", otherwise=("run",)),
        )
        self.findings = findings


def _with_limit(finding: Finding) -> str:
    return f"{finding.message} ({finding.setting})" if finding.setting else finding.message


@dataclass(frozen=True)
class Landing:
    """What is known about the landing zone besides the rows of its files.

    Attributes:
        source: Its URL; None if a build does not record it.
        loaded: Rows of the current files, by dataset.
        readme: What its README states; None if there is none.
        refusals: The files that are still refused.
    """

    source: str | None = None
    loaded: Mapping[str, int] = field(default_factory=dict)
    readme: Readme | None = None
    refusals: Sequence[Refusal] = ()

    @property
    def fingerprint(self) -> str:
        """Identifies what a build reports about it; empty if nothing."""
        refused = "".join(f"{r.path}\0{r.version}\0{r.refused_at}\n" for r in self.refusals)
        return f"{self.readme}\n{refused}" if self.readme or refused else ""


def landing_of(target: Warehouse, files: Iterable[CurrentFile]) -> Landing:
    """Reads what is known about the landing zone, given its current files."""
    loaded: Counter[str] = Counter()
    source = None
    for file in files:
        loaded[file.dataset] += file.rows
        source = file.source
    return Landing(source, loaded, readme.recall(target), refusals.recall(target))


def count(target: Warehouse, named: Callable[[str], str]) -> Counts:
    """Counts what a build holds.

    Args:
        target: The warehouse.
        named: Returns the relation of a model.
    """
    movies, tags = named("dim_movies"), named("fct_tags")
    inferred = f"select movie_id from {movies} where is_inferred"
    # From small tables: at 32 M ratings each fact would take a second.
    rows = target.fetch(
        f"""
        select
            (select sum(n_ratings) from {named("fct_rating_totals")}),
            (select count(case when n_ratings > 0 then 1 end) from {named("dim_users")}),
            (select count(case when not is_inferred then 1 end) from {movies}),
            (select count(*) from {tags}),
            (
                select sum(case when is_inferred then n_ratings else 0 end)
                from {named("mart_movie")}
            ),
            (select count(*) from {tags} where movie_id in ({inferred}))
        """
    )
    return Counts(*(int(number or 0) for number in rows[0]))


def check(
    settings: Settings,
    now: Counts,
    published: Counts | None,
    *,
    is_same_zone: bool,
    accept: bool,
    refuses: bool = True,
) -> list[Finding]:
    """Runs the plausibility checks on a release.

    Args:
        settings: The limits.
        now: The candidate's counts.
        published: The counts readers see; None if nothing is published.
        is_same_zone: Whether both are of the same landing zone. Another one may be smaller; that
            is only reported.
        accept: Whether failed checks are accepted.
        refuses: Whether they hold the release back if not; else they are only reported.

    Returns:
        The failed checks.
    """
    outcome: Outcome = "accepted" if accept else "refused" if refuses else "reported"
    found = [
        *_missing(now, outcome),
        *_orphans(settings, now, outcome),
    ]
    if published is not None:
        shrunk = outcome if is_same_zone else "reported"
        found += _shrunk(settings, now, published, shrunk)
    return found


def _missing(now: Counts, outcome: Outcome) -> Iterable[Finding]:
    if now.ratings == 0:
        yield Finding("no ratings", "ratings: there are no current ratings", outcome)
    if now.movies == 0:
        yield Finding("no films", "movies: no current movies file lists a film", outcome)


def _orphans(settings: Settings, now: Counts, outcome: Outcome) -> Iterable[Finding]:
    limit = settings.orphan_limit
    for what, all_of_them, orphans in (
        ("ratings", now.ratings, now.orphan_ratings),
        ("tags", now.tags, now.orphan_tags),
    ):
        if orphans > limit * all_of_them:
            message = (
                f"{what}: {orphans:,} of {all_of_them:,} ({orphans / all_of_them:.1%}) refer "
                f"to films that no movies file lists; the limit is {limit:.1%}. Are columns "
                "swapped, or a movies file missing?"
            )
            yield Finding(f"{what} of unknown films", message, outcome, "MOVIELENS_ORPHAN_LIMIT")


def _shrunk(
    settings: Settings, now: Counts, published: Counts, outcome: Outcome
) -> Iterable[Finding]:
    limit = settings.shrink_limit
    before, after = asdict(published), asdict(now)
    for what in ("ratings", "users", "movies", "tags"):
        lost = before[what] - after[what]
        if lost > limit * before[what]:
            message = (
                f"{what}: {after[what]:,}, {lost / before[what]:.1%} fewer than the "
                f"{before[what]:,} that are published; the limit is {limit:.1%}"
            )
            yield Finding(f"{what} shrank", message, outcome, "MOVIELENS_SHRINK_LIMIT")


@dataclass(frozen=True)
class Judgement:
    """What was found about a release that may be published.

    Attributes:
        stated: The README's counts compared with the candidate's.
        findings: The failed checks, accepted or only reported.
        seen: What readers saw meanwhile.
    """

    stated: list[StatedCount] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)


def judge(
    settings: Settings,
    now: Counts,
    landing: Landing,
    seen: Seen,
    *,
    accept: bool,
    refuses: bool = True,
) -> Judgement:
    """Compares a build as a whole with its README and with the published marts.

    Args:
        settings: The limits.
        now: The build's counts.
        landing: The landing zone it was built from.
        seen: What readers see.
        accept: Whether failed checks are accepted.
        refuses: Whether they hold the release back if not; else they are only reported.

    Raises:
        ReleaseRefused: If a check failed and is not accepted.
    """
    findings = check(
        settings,
        now,
        seen.counts,
        is_same_zone=seen.source in (None, landing.source),
        accept=accept,
        refuses=refuses,
    )
    if held := [finding for finding in findings if finding.outcome == "refused"]:
        raise ReleaseRefused(held, landing.source or "the landing zone")
    return Judgement(compare_with_readme(landing, now), findings, seen)


def compare_with_readme(landing: Landing, now: Counts) -> list[StatedCount]:
    """Compares the README's counts with the candidate's.

    Returns:
        One entry for each count that the README states.
    """
    stated, loaded = landing.readme, landing.loaded
    if stated is None:
        return []
    return [
        StatedCount("ratings", stated.ratings, loaded.get("ratings", 0), now.ratings),
        StatedCount("users", stated.users, None, now.users),
        StatedCount("movies", stated.movies, loaded.get("movies", 0), now.movies),
        StatedCount("tags", stated.tags, loaded.get("tags", 0), now.tags),
    ]


def rows(landing: Landing, judged: Judgement) -> dict[str, list[tuple[Any, ...]]]:
    """Makes the rows of what a build reports about its release, for the marts that publish it.

    Without the reasons for refusals: they may quote rows, and published marts have no user ids.

    Returns:
        The rows of each of these tables `audit.*`, by its name.
    """
    counts = [
        (
            count.what,
            _README,
            count.stated,
            count.loaded,
            count.counted,
            "agrees" if count.agrees else "differs",
            str(count),
        )
        for count in judged.stated
    ]
    findings = [
        (finding.name, "release", None, None, None, finding.outcome, finding.message)
        for finding in judged.findings
    ]
    refused = [(r.path, r.dataset, r.bytes, r.refused_at) for r in landing.refusals]
    return {
        _CHECKS: [*counts, *findings],
        "refused_files": refused,
        "seen_versions": _exact(judged.seen.status),
        "seen_top_films": _exact(judged.seen.top_films),
    }


def _exact(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Writes fractions as text, which engines read to the last digit; literals are decimals."""
    return [tuple(repr(each) if isinstance(each, float) else each for each in row) for row in rows]


def recorded(target: Warehouse, environment: Environment = PRODUCTION) -> list[StatedCount]:
    """Reads how the build that an environment shows compared with the README.

    Returns:
        One entry for each count that the README states.
    """
    audit = environment.schema(AUDIT)
    if not target.has_table(audit, _CHECKS):
        return []
    rows = target.fetch(
        f"select check_name, expected, loaded, found from {audit}.{_CHECKS} "
        f"where kind = {target.literal(_README)} order by check_name"
    )
    return [StatedCount(*row) for row in rows]
