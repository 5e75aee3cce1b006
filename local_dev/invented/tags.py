"""Invented tags: what people call films, in their own spellings, and the tag genome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from local_dev.invented.calendar import END, TAGS_SINCE
from local_dev.invented.chance import Floats, Integers, allocate, along, stream
from local_dev.invented.films import GENRES, Films
from local_dev.invented.people import Catalogues, People


def _listed(text: str) -> list[str]:
    return text.split(",")


# Each can be spelt in several ways: see _spell.
_COMMON = _listed(
    "sci-fi,atmospheric,slow burn,time travel,based on a book,plot twist,black and white,funny,"
    "must see,feel-good,coming-of-age,film noir,stop motion,robots,dystopia,heist,road movie,"
    "soundtrack,cult film,low budget,space,ghosts,small town,courtroom,anti-hero,re-watchable,"
    "dark comedy,great ending,surreal,anime,so bad it's good,in my queue,seen at the cinema"
)
# Things people really write, and programs mistake for something else.
_ODD = (
    "NA",
    "NULL",
    "None",
    "nan",
    "007",
    "1408",
    "true",
    '"quoted"',
    "comma, inside",
    "=1+1",
    "@home",
    "*****",
    "<b>bold</b>",
    "![x](y)",
    "'; drop table tags; --",
    "cinéma vérité",
    "кино",
    "映画",
    "🎬",
    "a/b\\c",
)
_MOODS = _listed(
    "bittersweet,brooding,breezy,clumsy,cosy,dreamy,earnest,eerie,elegant,gentle,gloomy,grand,"
    "grotesque,hypnotic,intimate,ironic,jittery,laconic,lavish,melancholy,meandering,murky,"
    "nostalgic,offbeat,patient,playful,quiet,ragged,restless,sardonic,tender,tense,wistful,witty"
)
_SUBJECTS = _listed(
    "ending,dialogue,camera work,friendship,chase,score,villain,family,village,voyage,wedding,"
    "winter,harbour,school days,detective,orchestra,inheritance,trial,summer,train ride,rivalry,"
    "island,romance,betrayal,kitchen,machine,forest,memory,letters,desert,circus,theatre,"
    "newspaper,mountain,revolution,costumes,opening scene,narrator,supporting cast,lighthouse"
)
_SPELLINGS = 6
_SPELLING_SHARES = (0.0, 0.8, 0.89, 0.92, 0.95, 0.98)
_SHARE_OF_TAGGERS = 0.095
_OWN_TAGS = 8
_GENOME_MOODS = 6
MOST_RELEVANT = 4000
"""Relevances are whole multiples of one 4000th, as in the real genome."""
_GENOME_CHUNK_ROWS = 400_000


@dataclass(frozen=True)
class TagRows:
    """All rows of tags.csv, sorted by user and film.

    Attributes:
        user_id: From 1.
        movie_id: Ids of films.
        spelling: Indexes into `spellings`.
        timestamp: Epoch seconds.
        spellings: Every spelling of every tag.
    """

    user_id: NDArray[np.int32]
    movie_id: NDArray[np.int32]
    spelling: NDArray[np.int32]
    timestamp: Integers
    spellings: list[str]


@dataclass(frozen=True)
class GenomeRows:
    """Some rows of genome-scores.csv, sorted by film and tag.

    Attributes:
        movie_id: Ids of films.
        tag_id: From 1.
        relevance: From 1 to `MOST_RELEVANT`.
    """

    movie_id: NDArray[np.int32]
    tag_id: NDArray[np.int32]
    relevance: NDArray[np.int16]


def invent_tags(
    seed: int, count: int, films: Films, people: People, choice: Catalogues, curve: Floats
) -> TagRows:
    """Invent the tags people give films.

    Args:
        seed: The seed of the data set.
        count: The approximate number of tags: duplicates by one person on one film are dropped.
        films: All films.
        people: All people; few of them tag, and a few of those give most tags.
        choice: What people can choose from.
        curve: How much of a list each share of the draws covers.

    Returns:
        The rows. Films that nobody rated have at least one tag each.
    """
    chance = stream(seed, "tags")
    spellings = _spellings(chance, count)
    person = _who(chance, people, count)
    film = _on_what(chance, person, films, people, choice, curve)
    unrated = np.flatnonzero(np.isinf(films.popularity))
    person = np.concatenate([person, chance.choice(person, len(unrated))])
    film = np.concatenate([film, unrated])
    tag = _what(chance, film, len(spellings) // _SPELLINGS, len(films), curve)
    how = np.searchsorted(_SPELLING_SHARES, chance.random(len(tag)), side="right") - 1
    person, film, spelling = _distinct(person, film, tag * _SPELLINGS + how)
    return TagRows(
        user_id=(person + 1).astype(np.int32),
        movie_id=films.movie_id[film],
        spelling=spelling.astype(np.int32),
        timestamp=_when(chance, person, film, films, people),
        spellings=spellings,
    )


def _distinct(
    person: Integers, film: Integers, spelling: Integers
) -> tuple[Integers, Integers, Integers]:
    """Distinct rows, sorted; as single numbers, which sort much faster."""
    sizes = (int(person.max()) + 1, int(film.max()) + 1, int(spelling.max()) + 1)
    key = np.unique(np.ravel_multi_index((person, film, spelling), sizes))
    person, film, spelling = np.unravel_index(key, sizes)
    return person, film, spelling


def _spellings(chance: np.random.Generator, count: int) -> list[str]:
    """Six spellings per tag; spelling s of tag t is at 6 t + s."""
    combined = [f"{mood} {subject}" for mood, subject in product(_MOODS, _SUBJECTS)]
    rare = [f"{one} {two}" for one, two in product(combined, _SUBJECTS)]
    chance.shuffle(combined)
    chance.shuffle(rare)
    wanted = max(200, int(0.07 * count))
    tags = [*_COMMON, *combined[:200], *_ODD, *combined[200:], *rare][:wanted]
    return [spelling for tag in tags for spelling in _spell(tag)]


def _spell(tag: str) -> tuple[str, ...]:
    swapped = tag.replace("-", " ") if "-" in tag else tag.replace(" ", "-")
    joined = tag.replace("-", "") if "-" in tag else f"{tag} "
    return (tag, tag.capitalize(), tag.title(), tag.upper(), swapped, f" {joined} ")


def _who(chance: np.random.Generator, people: People, count: int) -> Integers:
    """Who gives each tag, among people who visited once tags existed."""
    among = np.flatnonzero(people.last_visit_at >= TAGS_SINCE)
    if len(among) == 0:
        among = np.array([np.argmax(people.last_visit_at)])
    n_taggers = min(len(among), count, max(1, round(_SHARE_OF_TAGGERS * len(people))))
    taggers = chance.choice(among, n_taggers, replace=False)
    wish = np.exp(1.9 * chance.standard_normal(n_taggers))
    each = allocate(wish, count, np.ones(n_taggers, np.int64), np.full(n_taggers, count))
    return np.repeat(taggers, each)


def _on_what(
    chance: np.random.Generator,
    person: Integers,
    films: Films,
    people: People,
    choice: Catalogues,
    curve: Floats,
) -> Integers:
    catalogue = people.catalogue[person]
    share = along(curve, chance.random(len(person), dtype=np.float32))
    rank = (share * choice.size[catalogue]).astype(np.int64)
    rank = np.minimum(rank, choice.size[catalogue] - 1)
    film: Integers = choice.films[choice.start[catalogue] + rank].astype(np.int64)
    return film


def _what(
    chance: np.random.Generator, film: Integers, n_tags: int, n_films: int, curve: Floats
) -> Integers:
    """Mostly one of the few tags that everyone uses for that film, otherwise any."""

    def popular(shape: int | tuple[int, int]) -> Integers:
        share = along(curve, chance.random(shape, dtype=np.float32))
        return np.minimum((share * n_tags).astype(np.int64), n_tags - 1)

    own = popular((n_films, _OWN_TAGS))
    favoured = np.floor(chance.random(len(film)) ** 2 * _OWN_TAGS).astype(np.int64)
    return np.where(chance.random(len(film)) < 0.6, own[film, favoured], popular(len(film)))


def _when(
    chance: np.random.Generator, person: Integers, film: Integers, films: Films, people: People
) -> Integers:
    """Within an hour of one of the person's visits, once the film and tags exist."""
    visit = np.floor(chance.random(len(person)) * people.n_visits[person]).astype(np.int64)
    moment = people.visits[people.first_visit[person] + visit]
    moment = moment + chance.integers(0, 3600, len(person))
    since = np.maximum(films.available_at[film], TAGS_SINCE)
    last = np.clip(people.last_visit_at[person] + 3600, since + 1, END - 1)
    later = since + np.floor(chance.random(len(person)) * (last - since)).astype(np.int64)
    written: Integers = np.where(moment < since, later, moment)
    return written


def genome_tags(seed: int, count: int) -> list[str]:
    """The tags of the genome, in alphabetical order; tag id 1 is the first.

    Args:
        seed: The seed of the data set.
        count: The number of tags, at most 1,300.

    Returns:
        Their names.
    """
    names = [*_COMMON, *(f"{mood} {subject}" for mood, subject in product(_MOODS, _SUBJECTS))]
    chosen = stream(seed, "genome tags").choice(len(names), count, replace=False)
    return sorted(names[place] for place in chosen)


def genome_scores(seed: int, films: Films, n_tags: int) -> Iterator[GenomeRows]:
    """How relevant each genome tag is to each of the better known films.

    A film's scores follow from its genres and from a few moods it shares with others, so that films
    with similar scores are similar.

    Args:
        seed: The seed of the data set.
        films: All films.
        n_tags: The number of genome tags.

    Yields:
        Chunks of rows, sorted by film and tag.
    """
    places = np.flatnonzero(films.in_genome)
    chance = stream(seed, "genome")
    n_traits = len(GENRES) + _GENOME_MOODS
    meaning = chance.standard_normal((n_traits, n_tags), dtype=np.float32)
    moods = chance.standard_normal((len(places), _GENOME_MOODS), dtype=np.float32)
    traits = np.hstack([films.genres[places].astype(np.float32), moods])
    per_chunk = max(1, _GENOME_CHUNK_ROWS // n_tags)
    for part, first in enumerate(range(0, len(places), per_chunk)):
        chunk = slice(first, first + per_chunk)
        noise = stream(seed, "genome noise", part)
        yield _genome_rows(noise, films.movie_id[places[chunk]], traits[chunk], meaning)


def _genome_rows(
    noise: np.random.Generator,
    movie_id: NDArray[np.int32],
    traits: NDArray[np.float32],
    meaning: NDArray[np.float32],
) -> GenomeRows:
    n_tags = meaning.shape[1]
    score = 0.5 * noise.standard_normal((len(movie_id), n_tags), dtype=np.float32) - 3.0
    # One trait at a time: the rounding of a matrix product depends on the number of threads.
    for trait, weights in zip(traits.T, meaning, strict=True):
        score += trait[:, None] * weights[None, :]
    relevance = 0.5 + score / (1 + np.abs(score)) / 2
    steps = np.clip(np.rint(relevance * MOST_RELEVANT), 1, MOST_RELEVANT)
    return GenomeRows(
        movie_id=np.repeat(movie_id, n_tags),
        tag_id=np.tile(np.arange(1, n_tags + 1, dtype=np.int32), len(movie_id)),
        relevance=steps.ravel().astype(np.int16),
    )
