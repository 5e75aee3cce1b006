"""Invented film titles in the forms of real ones: trailing articles, years, translations."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


def _words(text: str) -> list[str]:
    return text.split()


_ADJECTIVES = _words(
    """
    amber ashen backward barefoot bashful borrowed brackish brittle burnished candied
    cautious celestial clockwork cobalt copper counterfeit courteous crimson crooked curious
    dappled daydreaming disobedient drowsy dusty echoing electric elderly emerald enamelled
    errant faded fickle fluorescent folded forgetful freckled frosted gilded gossiping
    half-asleep hesitant hollow homesick horizontal humming impolite indigo inflatable
    invisible ivory jealous knitted lacquered laminated left-handed limping lopsided
    lukewarm magnetic marble migrating misplaced moonlit mumbling muddy nearsighted
    nocturnal obedient opaque orphaned overdue paper peppered perforated polite porcelain
    quilted radiant rattling rehearsed reluctant rented restless rusted saffron salted
    seasick second-hand shivering shoeless silver sleepless slanted spare starched stubborn
    sunburnt suspicious tangled tattered tidal timid translucent twelfth unbuttoned
    underwater unfinished unlucky upholstered velvet wandering waterlogged weathered
    whispering windswept woollen yawning
    """
)

_NOUNS = _words(
    """
    accordion alphabet anchor apricot archipelago attic aviary bakery balcony barometer bell
    bicycle boathouse bonfire bookkeeper brass-band cabinet calendar camel canoe caravan
    carousel cartographer cathedral cellar chandelier chimney cinnamon clarinet clockmaker
    comet compass conductor conservatory corridor cuckoo dictionary dragonfly duel elevator
    embassy escalator eclipse ferry fiddle firefly fountain gardener gazebo geyser glacier
    glove greenhouse gramophone harbour harpsichord haystack hedgehog heirloom hourglass
    iceberg inkwell island jukebox kettle kite labyrinth ladder lagoon lantern lemonade
    lighthouse locksmith lullaby mailbox magnolia mandolin marionette marzipan menagerie
    meridian metronome mirror monsoon moth mountain museum nightingale notebook oasis
    observatory octopus omnibus orchard orchestra origami oyster parachute parliament
    passport pelican pendulum periscope photograph pigeon pilgrim planetarium porcupine
    postcard puppeteer quarry quicksand raincoat referee reservoir rooftop sandcastle
    satellite scarecrow seamstress semaphore sextant shipwreck silhouette snowplough spiral
    staircase stopwatch submarine suitcase sundial switchboard tailor tambourine teapot
    telegram thimble thunder tollbooth tortoise trapeze treasurer trombone tugboat turnstile
    typewriter umbrella veranda viaduct violin volcano waltz weathervane wharf windmill
    xylophone zeppelin
    """
)

_NAMES = _words(
    """
    Adelmo Agneta Alondra Anselm Azra Bastien Benedek Branwen Calliope Casimir Cosima Danuta
    Dashiell Eadric Eluned Emeric Fenna Florian Gaspard Ghislaine Gudrun Hadewych Hesper
    Idris Ilka Isolde Jago Jarmila Kasimira Katell Lazlo Leocadia Ludmila Maelle Marcellin
    Mireio Nadezhda Niamh Octavian Odalys Ondine Orsolya Percival Petronella Quillon Rosalba
    Roswitha Saskia Séraphine Sidonie Sören Tancredi Thandeka Tiberiu Ulrike Valdemar Viggo
    Wenzel Xanthe Ysolde Yusra Zdenka Zoë Zsófia
    """
)

_PLACES = _words(
    """
    Aldermere Bakkafjord Belvárda Calamora Dunwhistle Eastmarrow Ferrowick Gannetstone
    Harrowmouth Ixtapana Jorvanger Kilmorrow Lakenwold Mirabosque Nordhaven Ostrabrod
    Pentreville Quillapata Ravenfold Santa-Berenga Tarnowice Umbergate Valdoro Westlorne
    Yarrowdale Zelenograd-Sur
    """
)

_DOINGS = _words(
    """
    Borrowing Chasing Counting Feeding Folding Forgetting Haunting Ironing Leaving
    Misreading Mending Painting Returning Serenading Translating Waiting-for Waking
    """
)

_NUMBERS = _words("Three Four Seven Eleven Thirteen Nineteen Forty 101 1,001")

# An article, matching nouns and endings, and "of" before a place.
_FOREIGN: Sequence[tuple[str, str, str, str]] = (
    ("Le", "jardin|phare|miroir|café|voleur|théâtre", "secret|perdu|d'été|oublié", "de"),
    ("La", "lumière|fenêtre|rivière|fiancée|forêt", "perdue|d'hiver|voilée", "de"),
    ("L'", "horloge|été|escalier|étranger|île", "immobile|à l'envers|tranquille", "de"),
    ("Les", "amants|oiseaux|nuages|voisins", "d'août|perdus|du Québec", "de"),
    ("Der", "Gärtner|Leuchtturm|Schlüssel|Bahnhof", "im Nebel|am Fluß|ohne Dach", "von"),
    ("Die", "Brücke|Uhrmacherin|Straße|Möwe", "aus Glas|im Schnee|über Nacht", "von"),
    ("Das", "Märchen|Fenster|Fräulein|Löwentor", "am See|ohne Ende", "von"),
    ("El", "faro|ladrón|señor|árbol", "dormido|de papel|del año cero", "de"),
    ("La", "niña|montaña|canción|cigüeña", "de sal|perdida|del sábado", "de"),
    ("Il", "postino|mercante|faro", "di vetro|perduto|della città", "di"),
    ("O", "coração|relógio|avião|irmão", "de açúcar|perdido|da manhã", "de"),
    ("Den", "blå nøgle|døde sø|hemmelige måge", "i regnen|ved havnen", "fra"),
)
_UNTRANSLATED = (
    "Kurage no toki",
    "Tōi kaze no machi",
    "Zima w Łodzi",
    "Září bez tebe",
    "Öszi dallam",
    "Ağustos böceği",
    "Strömmen",
    "Hvíta húsið",
    "Noč na řece",
    "Çay bahçesi",
    "Işık ve gölge",
)
_VOWELS = tuple("aeiou")


def invent_titles(seed: int, years: Sequence[int], plain_year: Sequence[bool]) -> list[str]:
    """Invent one title for each film.

    Args:
        seed: The seed of the data set.
        years: The year of each film.
        plain_year: Whether the title ends with "(year)"; otherwise it has none, or a span.

    Returns:
        The titles, in the order of the films. Hardly any appears twice.
    """
    random = Random(seed)  # noqa: S311 - nothing secret is made of it
    taken: set[str] = set()
    titles = []
    for number, (year, plain) in enumerate(zip(years, plain_year, strict=True)):
        title = _fresh(random, number, taken)
        titles.append(f"{title} ({year})" if plain else _without_year(title, year))
    return titles


def _fresh(random: Random, number: int, taken: set[str]) -> str:
    """A new title, if a few tries find one: real releases have duplicates too."""
    for _ in range(5):
        title = _odd(random, number // 200) if number % 200 == 7 else _usual(random)
        if title not in taken:
            break
    taken.add(title)
    return title


def _without_year(title: str, year: int) -> str:
    return title if year % 3 else f"{title} ({year}–{year + 2})"


def _usual(random: Random) -> str:
    """A title in one of the usual forms, sometimes with a second one in parentheses."""
    draw = random.random()
    if draw < 0.09:
        return f"{_english(random)} ({_foreign(random)})"
    if draw < 0.13:
        return _foreign(random)
    if draw < 0.15:
        return f"{_english(random)} (a.k.a. {_english(random)})"
    if draw < 0.19:
        return f"{_plain(random)} {random.choice(('2', '3', 'II', 'III', 'Part II'))}"
    return _english(random)


def _english(random: Random) -> str:
    return _headed(random) if random.random() < 0.4 else _plain(random)


def _plain(random: Random) -> str:
    adjective, noun, other = _word(random, _ADJECTIVES), _noun(random), _noun(random)
    name, place = random.choice(_NAMES), random.choice(_PLACES)
    return random.choice(
        (
            f"{adjective} {noun}",
            f"{adjective} {noun}: {name} in {place}",
            f"{name}'s {adjective} {noun}",
            f"{name} and the {adjective} {noun}",
            f"{random.choice(_DOINGS).replace('-', ' ')} the {noun}",
            f"{random.choice(_NUMBERS)} {_plural(noun)} for {name}",
            f"{noun}, {other} and {adjective} {_noun(random)}",
            f"{noun} & {other}",
            f"{place}: {adjective} {noun}",
            f"Who Hid the {noun}?",
            f"Goodbye, {adjective} {noun}!",
        )
    )


def _headed(random: Random) -> str:
    """A title with a trailing article, as in MovieLens files: "Violin of Nordhaven, The"."""
    adjective, noun, place = _word(random, _ADJECTIVES), _noun(random), random.choice(_PLACES)
    title = random.choice(
        (
            f"{noun} of {place}",
            f"{adjective} {noun}",
            f"{adjective} {noun} of {random.choice(_NAMES)}",
            f"{noun} and the {_noun(random)}",
            f"{noun} from {place}",
        )
    )
    if random.random() < 0.7:
        return f"{title}, The"
    return f"{title}, {'An' if title.lower().startswith(_VOWELS) else 'A'}"


def _foreign(random: Random) -> str:
    if random.random() < 0.2:
        return random.choice(_UNTRANSLATED)
    article, nouns, endings, joint = random.choice(_FOREIGN)
    noun, ending = random.choice(nouns.split("|")), random.choice(endings.split("|"))
    title = f"{noun} {ending} {joint} {random.choice(_PLACES)}"
    return f"{title[0].upper()}{title[1:]}, {article}"


def _odd(random: Random, number: int) -> str:
    """A title that trips code which reads text as Markdown, HTML, SQL, a formula or a path."""
    noun, name, place = _noun(random), random.choice(_NAMES), random.choice(_PLACES)
    adjective = _word(random, _ADJECTIVES)
    letters = "*".join(name.upper().replace("Ö", "O")[:4])
    odd = (
        letters,
        f"${random.randrange(1, 40)}.{random.randrange(10, 99)} {noun}",
        f'Who Is "{name}"?',
        f'{noun}, the "{adjective}" One, The',
        f"[{noun}]",
        f"_{adjective}_ {noun}",
        f"`{noun}`",
        f"#{noun}",
        f"**{noun}**",
        f"~{adjective}~ {noun}",
        f"<{noun}>",
        f"=Sum of {name}",
        f"{name}'; drop the {noun} --",
        f"100% {noun}",
        f"{noun}/{adjective}",
        f"{noun}\\{place}",
        f"{noun} | {adjective}",
        f"{name} @ {place}",
        f"...And the {noun}",
        f"{random.randrange(2, 3000)}",
        f"{noun}, {adjective}, {name}",
        f"+1 {noun}",
        f"{noun}² – {place}",
        f"{name} (and {noun})",
        f"Æ: {noun} ½",
        f"« {noun} »",
    )
    return odd[number % len(odd)]


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch")) else f"{noun}s"


def _noun(random: Random) -> str:
    return _word(random, _NOUNS)


def _word(random: Random, words: Sequence[str]) -> str:
    return "-".join(part.capitalize() for part in random.choice(words).split("-"))
