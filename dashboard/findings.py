"""Findings in words: each sentence is computed, and omitted if the data do not support it.

Pure functions over frames of `dashboard.queries`. Sentences contain data (genres, titles), so show
them as plain text, never as Markdown.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from dashboard.status import Status

# Below this many ratings, a mean supports no claim.
ENOUGH = 30
# A correlation that is none.
_HARDLY = 0.1


def number(value: float) -> str:
    """Formats a count with thousands separators: '100,836'."""
    return f"{int(value):,}"


def counted(value: float, one: str, many: str | None = None) -> str:
    """Formats a count with its noun: '1 film', '2 films'.

    Args:
        value: The count.
        one: The singular.
        many: The plural; by default `one` with an s.
    """
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def day(value: date) -> str:
    """Formats a day: '24 September 2018'."""
    return f"{value.day} {value:%B %Y}"


def share(part: float, whole: float, digits: int = 1) -> str:
    """Formats a share of a non-zero whole in percent: '4.2 %'."""
    return f"{100 * part / whole:.{digits}f} %"


def headline(status: Status) -> str:
    """Counts the ratings, films and people published."""
    return (
        f"{counted(status.n_ratings, 'rating')} of {counted(status.n_rated_movies, 'film')}"
        f" by {counted(status.n_users, 'person', 'people')}."
    )


# ---- overview ----------------------------------------------------------------------------------


def busiest_month(months: pd.DataFrame) -> str | None:
    """Names the month with most ratings, and counts the months with none.

    Args:
        months: Rows of RATING_MONTHS.

    Returns:
        One or two sentences; None without ratings, or with neither one busiest nor an empty month.
    """
    total = months["n_ratings"].sum()
    if not total:
        return None
    top = months.loc[months["n_ratings"] == months["n_ratings"].max()]
    silent = int((months["n_ratings"] == 0).sum())
    said = []
    if len(top) == 1 and len(months) > 1:
        best = top.iloc[0]
        said.append(
            f"The busiest month was {best['month']:%B %Y}: {counted(best['n_ratings'], 'rating')},"
            f" {share(best['n_ratings'], total)} of all."
        )
    if silent:
        said.append(f"{counted(silent, 'month')} in between had no ratings at all.")
    return " ".join(said) or None


def busiest_month_in_short(months: pd.DataFrame) -> str | None:
    """Names the one month with most ratings, as busiest_month does."""
    top = months.loc[months["n_ratings"] == months["n_ratings"].max(), "month"]
    if len(top) != 1 or len(months) < 2:
        return None
    return f"{top.iloc[0]:%B %Y} was the busiest month"


def span(months: pd.DataFrame, chosen: pd.Series) -> str:
    """Sums up a range of months: its ratings and their mean.

    Args:
        months: Rows of RATING_MONTHS.
        chosen: Which of them are in the range.
    """
    within = months[chosen]
    begin, end = within["month"].min(), within["month"].max()
    named = f"{begin:%B %Y} to {end:%B %Y}" if end > begin else f"{begin:%B %Y}"
    n_ratings = within["n_ratings"].sum()
    if not n_ratings:
        return f"{named}: no ratings."
    mean = within["sum_rating"].sum() / n_ratings
    of_all = share(n_ratings, months["n_ratings"].sum())
    return f"{named}: {counted(n_ratings, 'rating')}, {of_all} of all, mean {mean:.2f}."


def half_star_year(stars: pd.DataFrame) -> int | None:
    """Finds the first year in which half stars were given.

    Args:
        stars: Rows of STAR_YEARS.

    Returns:
        The year; None without half stars, or without an earlier year to compare with.
    """
    halves = stars.loc[(stars["rating"] % 1 != 0) & (stars["n_ratings"] > 0), "rating_year"]
    if halves.empty or int(halves.min()) <= int(stars["rating_year"].min()):
        return None
    return int(halves.min())


def half_star_effect(stars: pd.DataFrame) -> str | None:
    """Compares the mean before the first half star with the mean since.

    Args:
        stars: Rows of STAR_YEARS.

    Returns:
        One sentence; None without enough ratings on both sides.
    """
    year = half_star_year(stars)
    if year is None:
        return None
    before, since = stars[stars["rating_year"] < year], stars[stars["rating_year"] >= year]
    if min(before["n_ratings"].sum(), since["n_ratings"].sum()) < ENOUGH:
        return None
    old, new = _mean_star(before), _mean_star(since)
    if round(old, 2) == round(new, 2):
        return f"The mean stayed at {old:.2f} when half stars came in {year}."
    moved = "lower" if new < old else "higher"
    return (
        f"The mean has been {moved} since half stars came in {year}: {new:.2f}, against {old:.2f}"
        " before. Who rates has changed too, so half stars may not be the reason."
    )


def half_stars_in_short(stars: pd.DataFrame) -> str | None:
    """Says what share of the ratings is half stars, since there are any.

    Args:
        stars: Rows of STAR_YEARS.

    Returns:
        A few words; None without half stars, an earlier year, or enough ratings since.
    """
    year = half_star_year(stars)
    since = stars[stars["rating_year"] >= (year or 0)]
    total = since["n_ratings"].sum()
    if year is None or total < ENOUGH:
        return None
    halves = since.loc[since["rating"] % 1 != 0, "n_ratings"].sum()
    return f"{share(halves, total, digits=0)} of the ratings since {year} are half stars"


def _mean_star(stars: pd.DataFrame) -> float:
    return float((stars["rating"] * stars["n_ratings"]).sum() / stars["n_ratings"].sum())


def genre_extremes(genres: pd.DataFrame, mean: float | None) -> str | None:
    """Names the genres with the highest and the lowest mean.

    Args:
        genres: Rows of GENRES.
        mean: Mean of all ratings.

    Returns:
        One sentence; None with fewer than two rated genres or when all are equal.
    """
    ends = _genres_at_the_ends(genres)
    if mean is None or ends is None:
        return None
    (high, best), (low, worst) = ends
    return (
        f"Highest: {high}, {best:.2f} stars ({best - mean:+.2f} against the average of all"
        f" ratings). Lowest: {low}, {worst:.2f} ({worst - mean:+.2f})."
    )


def genres_in_short(genres: pd.DataFrame) -> str | None:
    """Names the genres that are loved most and least, as genre_extremes does.

    Genres of few ratings could be there by chance, so they keep the others from being named.
    """
    ends = _genres_at_the_ends(genres)
    named = genres["genre"].isin([genre for genre, _ in ends or ()])
    if ends is None or genres.loc[named, "n_ratings"].min() < ENOUGH:
        return None
    return f"{ends[0][0]} is loved most, {ends[1][0]} least"


def _genres_at_the_ends(genres: pd.DataFrame) -> tuple[tuple[str, float], tuple[str, float]] | None:
    rated = genres[genres["n_ratings"] > 0]
    if len(rated) < 2:
        return None
    means = (rated["sum_rating"] / rated["n_ratings"]).set_axis(rated["genre"])
    high, low = means.idxmax(), means.idxmin()
    return None if means[high] == means[low] else ((high, means[high]), (low, means[low]))


def popularity(n_films: int, r: float | None) -> str | None:
    """Says whether films with more ratings have higher means.

    Args:
        n_films: How many films were looked at.
        r: Correlation of their mean with the logarithm of their number of ratings.

    Returns:
        One sentence; None with too few films, or if all are rated alike.
    """
    if n_films < ENOUGH or r is None or pd.isna(r):
        return None
    exceptions = "" if abs(r) < _HARDLY else " There are many exceptions."
    return (
        f"Over {number(n_films)} films, the correlation of the mean with the logarithm of the"
        f" number of ratings is {r:.2f}.{exceptions}"
    )


def popularity_in_short(n_films: int, r: float | None) -> str | None:
    """Says whether popular films are loved; for arguments and rules, see popularity."""
    if n_films < ENOUGH or r is None or pd.isna(r):
        return None
    if abs(r) < _HARDLY:
        return "Popular films are loved about as much as others"
    strength = "clearly" if abs(r) >= 0.5 else "somewhat"
    return f"Popular films are loved {strength} {'more' if r > 0 else 'less'}"


# ---- one film ----------------------------------------------------------------------------------

_STARS_IN_WORDS = {
    0.5: "half a star", 1.0: "one star", 1.5: "one and a half stars", 2.0: "two stars",
    2.5: "two and a half stars", 3.0: "three stars", 3.5: "three and a half stars",
    4.0: "four stars", 4.5: "four and a half stars", 5.0: "five stars",
}  # fmt: skip
# In shares: less is not worth a heading.
_UNUSUAL = 0.03


def unusual_stars(own: pd.DataFrame, usual: pd.DataFrame) -> str | None:
    """Names the star value that a film got most more often than usual.

    Args:
        own: Columns rating and n_ratings, of the film.
        usual: The same of all ratings.

    Returns:
        A few words; None with too few ratings, or if no value stands out.
    """
    given = own.set_index("rating")["n_ratings"]
    if given.sum() < ENOUGH:
        return None
    whole = usual.set_index("rating")["n_ratings"].reindex(given.index, fill_value=0)
    excess = given / given.sum() - whole / whole.sum()
    most = excess.idxmax()
    if excess[most] < _UNUSUAL:
        return None
    return (
        f"{share(given[most], given.sum(), 0)} gave {_STARS_IN_WORDS[float(most)]}, against"
        f" {share(whole[most], whole.sum(), 0)} usually"
    )


def standing(rank: int, n_films: int) -> str:
    """Says how many films rank below one.

    Args:
        rank: Its rank among rated films.
        n_films: How many are rated.
    """
    if rank == 1:
        return f"The best of {number(n_films)} rated films."
    if rank == n_films:
        return f"The last of {number(n_films)} rated films."
    # Rounded down: 100 % would say that no film is better.
    above = 1000 * (n_films - rank) // n_films / 10
    return f"Above {above:.1f} % of the {number(n_films)} rated films."


def first_year(years: pd.DataFrame) -> str | None:
    """Compares the mean of a film's first year of ratings with the mean of all later ones.

    Args:
        years: Rows of FILM_YEARS.

    Returns:
        One sentence; None without enough ratings on both sides.
    """
    if years.empty:
        return None
    is_first = years["rating_year"] == years["rating_year"].min()
    parts = (years[is_first], years[~is_first])
    first, later = (part[["n_ratings", "sum_rating"]].sum() for part in parts)
    if min(first["n_ratings"], later["n_ratings"]) < ENOUGH:
        return None
    year = int(years["rating_year"].min())
    old, new = (part["sum_rating"] / part["n_ratings"] for part in (first, later))
    if round(old, 2) == round(new, 2):
        return f"The mean of its first year here, {year}, is that of all later ones: {old:.2f}."
    return (
        f"In {year}, its first year here, its mean was {old:.2f}; since then {new:.2f}, which is"
        f" {'lower' if new < old else 'higher'}."
    )


# ---- comparing ---------------------------------------------------------------------------------


def loved_most(rows: pd.DataFrame) -> str | None:
    """Says which of some films or genres has the highest mean.

    Args:
        rows: Columns series, n_ratings, sum_rating.

    Returns:
        A few words; None if one of them has too few ratings, or the highest are equal.
    """
    if len(rows) < 2 or rows["n_ratings"].min() < ENOUGH:
        return None
    means = (rows["sum_rating"] / rows["n_ratings"]).set_axis(rows["series"]).sort_values()
    best, second = means.iloc[-1], means.iloc[-2]
    if round(best, 2) == round(second, 2):
        return None
    return f"{means.index[-1]} is loved most: {best:.2f}, against {second:.2f}"


def growth(ratings: int) -> str:
    """Says how many ratings came or went.

    Args:
        ratings: How many more there are than before.
    """
    if not ratings:
        return "As many ratings as before"
    more = "more" if ratings > 0 else "fewer"
    return f"{counted(abs(ratings), f'{more} rating')} than before"


def moved(entered: int, left: int, size: int) -> str:
    """Says how many films entered and left the top.

    Args:
        entered: Films that are new among the best.
        left: Films that no longer are.
        size: How many the best are.
    """
    if not entered and not left:
        return f"The same films are the best {size}"
    return f"{counted(entered, 'film')} entered the best {size}, {number(left)} left"


# ---- genres ------------------------------------------------------------------------------------


def trend(series: pd.DataFrame, measure: str) -> str | None:
    """Names the chosen genre that rose most and the one that fell most.

    Args:
        series: Columns series (its name), rating_year, value; null in years with too few ratings.
        measure: 'share' or 'mean'.

    Returns:
        One sentence comparing the last three years with the first three; None if nothing moved.
    """
    changes = {}
    for genre, rows in series.dropna(subset="value").groupby("series"):
        if len(rows) >= 6:
            ordered = rows.sort_values("rating_year")["value"]
            changes[str(genre)] = float(ordered.tail(3).mean() - ordered.head(3).mean())
    least = 0.01 if measure == "share" else 0.05
    ordered = sorted(changes.items(), key=lambda item: -item[1])
    said = [
        f"{genre} {'rose' if change > 0 else 'fell'} by {_moved(change, measure)}"
        for genre, change in dict.fromkeys(ordered[:1] + ordered[-1:])
        if abs(change) >= least
    ]
    return f"Last three years compared with the first three: {', '.join(said)}." if said else None


def _moved(change: float, measure: str) -> str:
    return (
        f"{abs(change) * 100:.1f} percentage points"
        if measure == "share"
        else f"{abs(change):.2f} stars"
    )


def old_films(decades: pd.DataFrame) -> str | None:
    """Says whether older decades score higher, across genres.

    Args:
        decades: Rows of GENRE_DECADES.

    Returns:
        One sentence with the best and the worst decade; None with fewer than two to compare.
    """
    means = _decades(decades)
    if means is None:
        return None
    best, worst = means.idxmax(), means.idxmin()
    return (
        f"Films of the {best}s score highest ({means[best]:.2f}), films of the {worst}s lowest"
        f" ({means[worst]:.2f}); each film counts in each of its genres."
    )


def old_films_in_short(decades: pd.DataFrame) -> str | None:
    """Names the decade that scores highest, as old_films does."""
    means = _decades(decades)
    return None if means is None else f"Films of the {means.idxmax()}s score highest"


def _decades(decades: pd.DataFrame) -> pd.Series | None:
    """The mean of each decade with enough ratings, unless there are no two that differ."""
    sums = decades.groupby("release_decade")[["n_ratings", "sum_rating"]].sum()
    enough = sums[sums["n_ratings"] >= ENOUGH]
    means = enough["sum_rating"] / enough["n_ratings"]
    return means if means.nunique() > 1 else None


# ---- tags --------------------------------------------------------------------------------------


def commonest_tag(tags: pd.DataFrame, n_tag_users: int) -> str | None:
    """Names the tag, or tied tags, that most people used.

    Args:
        tags: Rows of TOP_TAGS.
        n_tag_users: People who tagged anything.

    Returns:
        One sentence; None without tags, or if more than three are tied.
    """
    first = tags[tags["n_people"] == tags["n_people"].max()]
    if first.empty or len(first) > 3:
        return None
    names = " and ".join(f"“{tag}”" for tag in first["tag"])
    return (
        f"Used by most people: {names},{' each' if len(first) > 1 else ''} by"
        f" {number(first['n_people'].iloc[0])} of the {number(n_tag_users)} who tagged anything."
    )


def commonest_tag_in_short(tags: pd.DataFrame) -> str | None:
    """Names the tag that most people used, if it is a single one."""
    first = tags.loc[tags["n_people"] == tags["n_people"].max(), "tag"]
    return f"“{first.iloc[0]}” is what most people say" if len(first) == 1 else None


def commonest_pair(pairs: pd.DataFrame) -> str | None:
    """Names the two genres that most films share.

    Args:
        pairs: Columns pair and n_movies.

    Returns:
        One sentence; None if several pairs are tied.
    """
    first = pairs[pairs["n_movies"] == pairs["n_movies"].max()]
    if len(first) != 1:
        return None
    films = counted(first["n_movies"].iloc[0], "film")
    return f"Most often together: {first['pair'].iloc[0]}, {films}."


def loved_tag(tags: pd.DataFrame, mean: float | None) -> str | None:
    """Names the widely used tags whose films have the highest and the lowest mean.

    Args:
        tags: Rows of TOP_TAGS.
        mean: Mean of all ratings.

    Returns:
        One sentence; None with fewer than ten tags to choose from.
    """
    used = tags[(tags["n_people"] >= 5) & (tags["n_ratings"] >= ENOUGH)]
    if mean is None or len(used) < 10:
        return None
    means = used["sum_rating"] / used["n_ratings"]
    high, low = used.loc[means.idxmax()], used.loc[means.idxmin()]
    return (
        f"Among tags used by 5 people or more, films tagged “{high['tag']}” have the highest mean"
        f" ({means.max():.2f}), films tagged “{low['tag']}” the lowest ({means.min():.2f});"
        f" the average of all ratings is {mean:.2f}."
    )


# ---- people ------------------------------------------------------------------------------------


def concentration(groups: pd.DataFrame) -> str | None:
    """Says what share of the ratings the most active people gave.

    Args:
        groups: Columns lo, n_users, n_ratings, from the least active group to the most.

    Returns:
        One sentence on the fewest groups, most active first, that gave at least half of the
        ratings; None if they gave less than twice their share, or there are too few people.
    """
    most = _most_active(groups)
    if most is None:
        return None
    least, of_people, of_ratings = most
    return (
        f"People with {number(least)} ratings or more are {of_people} of all, and gave {of_ratings}"
        " of the ratings."
    )


def concentration_in_short(groups: pd.DataFrame) -> str | None:
    """Says what concentration says, without the limit between the groups."""
    most = _most_active(groups)
    return f"{most[1]} of the people gave {most[2]} of the ratings" if most else None


def _most_active(groups: pd.DataFrame) -> tuple[int, str, str] | None:
    """The least number of ratings of the most active, their share of people and of ratings."""
    above = groups.iloc[::-1][["n_users", "n_ratings"]].cumsum()
    people, ratings = groups["n_users"].sum(), groups["n_ratings"].sum()
    enough = above[above["n_ratings"] * 2 >= ratings]
    if enough.empty or people < ENOUGH:
        return None
    cut, most = enough.index[0], enough.iloc[0]
    if most["n_ratings"] / ratings < 2 * most["n_users"] / people:
        return None
    shares = (share(most["n_users"], people), share(most["n_ratings"], ratings))
    return (int(groups.loc[cut, "lo"]), *shares)


def selection(groups: pd.DataFrame, is_generated: bool) -> str | None:
    """Says who is in the data at all, unless the data contradict it.

    Args:
        groups: Columns lo, hi, n_users, from the least active group to the most.
        is_generated: Whether the people are generated.

    Returns:
        One or two sentences; None for generated data.
    """
    if is_generated or groups.empty:
        return None
    below = groups[groups["hi"] < 20]
    if not below.empty:
        return (
            "GroupLens's editions include only people with 20 ratings or more; these data also hold"
            f" {counted(below['n_users'].sum(), 'person', 'people')} with fewer."
        )
    return (
        "GroupLens's editions include only people with 20 ratings or more. Anyone who looked once"
        " and left is missing, so these groups do not describe all visitors of MovieLens."
    )


def busiest_hour(hours: pd.DataFrame) -> str | None:
    """Names the hours of the week with most and with fewest ratings.

    Args:
        hours: Columns day, hour, n_ratings.

    Returns:
        One sentence; None with few ratings, or if hours are tied.
    """
    ends = _hours_at_the_ends(hours)
    if ends is None:
        return None
    high, low = ends
    return (
        f"Most ratings came on {high['day']}s from {high['hour']:02d}:00 to {high['hour']:02d}:59"
        f" UTC ({number(high['n_ratings'])}), fewest on {low['day']}s from {low['hour']:02d}:00 to"
        f" {low['hour']:02d}:59 ({number(low['n_ratings'])})."
    )


def busiest_hour_in_short(hours: pd.DataFrame) -> str | None:
    """Names the hour of the week with most ratings, as busiest_hour does."""
    ends = _hours_at_the_ends(hours)
    if ends is None:
        return None
    return f"{ends[0]['day']} is busiest, from {ends[0]['hour']:02d}:00 UTC"


def _hours_at_the_ends(hours: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    counts = hours["n_ratings"]
    most, fewest = hours[counts == counts.max()], hours[counts == counts.min()]
    if counts.sum() < ENOUGH or len(most) != 1 or len(fewest) != 1:
        return None
    return most.iloc[0], fewest.iloc[0]


def returning(cells: pd.DataFrame, last_year: int) -> str | None:
    """Says how many newcomers rated again in the year after their first.

    Args:
        cells: Columns last_cohort_year, years_since, end, n_users_active, n_newcomers.
        last_year: Year of the last rating, whose newcomers have no year after.

    Returns:
        One sentence; None if the next year is merged with later ones for over a tenth of the
        newcomers: hardly any of those came back, so the rest alone would look too good.
    """
    came = _came_back(cells, last_year)
    if came is None:
        return None
    returned, newcomers = came
    return (
        f"Of {counted(newcomers, 'newcomer')}, {share(returned, newcomers)} rated again in the"
        " calendar year after their first."
    )


def returning_in_short(cells: pd.DataFrame, last_year: int) -> str | None:
    """Says how many newcomers came back, as returning does."""
    came = _came_back(cells, last_year)
    return f"{share(*came, digits=0)} of newcomers rate again the year after" if came else None


def _came_back(cells: pd.DataFrame, last_year: int) -> tuple[int, int] | None:
    first = cells[(cells["years_since"] == 0) & (cells["last_cohort_year"] < last_year)]
    after = cells[(cells["years_since"] == 1) & (cells["end"] == 2)]
    newcomers = after["n_newcomers"].sum()
    if newcomers < ENOUGH or newcomers < 0.9 * first["n_newcomers"].sum():
        return None
    return int(after["n_users_active"].sum()), int(newcomers)
