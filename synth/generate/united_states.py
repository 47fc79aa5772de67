"""Public facts of the states of the USA: postcodes by the word lists of Faker, and area codes of
telephones."""

import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Area codes of the North American Numbering Plan, the older ones of each state.
_AREAS = """AL 205 251 256 334; AK 907; AZ 480 520 602 623 928; AR 479 501 870; CA 209 213 310 408 415 510 530
559 562 619 626 650 661 707 714 760 805 818 831 858 909 916 925 949; CO 303 719 720 970; CT 203
860; DE 302; DC 202; FL 239 305 321 352 386 407 561 727 772 786 813 850 863 904 941 954; GA 229
404 478 678 706 770 912; HI 808; ID 208; IL 217 309 312 618 630 708 773 815 847; IN 219 260 317
574 765 812; IA 319 515 563 641 712; KS 316 620 785 913; KY 270 502 606 859; LA 225 318 337 504
985; ME 207; MD 301 410 443; MA 413 508 617 774 781 978; MI 231 248 269 313 517 586 616 734 810
906 989; MN 218 320 507 612 651 763 952; MS 228 601 662; MO 314 417 573 636 660 816; MT 406; NE
308 402; NV 702 775; NH 603; NJ 201 609 732 856 908 973; NM 505 575; NY 212 315 516 518 585 607
631 646 716 718 845 914; NC 252 336 704 828 910 919; ND 701; OH 216 330 419 440 513 614 740 937;
OK 405 580 918; OR 503 541; PA 215 412 570 610 717 724 814; RI 401; SC 803 843 864; SD 605; TN 423
615 731 865 901 931; TX 210 214 254 281 325 361 409 432 512 713 806 817 830 903 915 936 940 956
972 979; UT 435 801; VT 802; VA 276 434 540 703 757 804; WA 206 253 360 425 509; WV 304; WI 262
414 608 715 920; WY 307; PR 787 939"""


@functools.cache
def _states() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Abbreviations, and the names of the same states in lower case."""
    from faker.providers.address.en_US import Provider

    states = [abbreviation for abbreviation in Provider.states_abbr if abbreviation != "DC"]
    names = [name.lower() for name in Provider.states]
    return (*states, "DC", "PR"), (*names, "district of columbia", "puerto rico")


def state_names() -> tuple[str, ...]:
    """The fifty states by name."""
    from faker.providers.address.en_US import Provider

    return tuple(Provider.states)


def state_numbers(states: pa.Array) -> NDArray[np.int64]:
    """A number for each state by its name or abbreviation, -1 for anything else and null. [n] -> [n]."""
    abbreviations, names = _states()
    numbers = {
        text: place for texts in (names, map(str.lower, abbreviations)) for place, text in enumerate(texts)
    }
    coded = states.cast(pa.string()).dictionary_encode()
    texts = pc.utf8_trim_whitespace(pc.utf8_lower(coded.dictionary)).to_pylist()
    found = np.array([*(numbers.get(text, -1) for text in texts), -1], dtype=np.int64)
    return found[coded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)]


def postcodes(states: NDArray[np.int64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """A number within the postcodes of each state, of any state for -1. [n], [n] in [0, 1) -> [n]."""
    low, high = _postcode_ranges()
    low, high = np.append(low, 501), np.append(high, 99950)
    return low[states] + np.floor(uniforms * (high[states] - low[states] + 1)).astype(np.int64)


def area_codes(states: NDArray[np.int64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """An area code of each state, 0 for -1. [n], [n] in [0, 1) -> [n]."""
    table, sizes = _area_table()
    drawn = table[states, np.floor(uniforms * sizes[states]).astype(np.int64)]
    return np.where(states < 0, 0, drawn)


@functools.cache
def _postcode_ranges() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from faker.providers.address.en_US import Provider

    ranges = np.array([Provider.states_postcode[state] for state in _states()[0]], dtype=np.int64)
    return ranges[:, 0], ranges[:, 1]


@functools.cache
def _area_table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    by_state = {words[0]: [int(word) for word in words[1:]] for words in map(str.split, _AREAS.split(";"))}
    listed = [by_state[state] for state in _states()[0]]
    table = np.zeros((len(listed), max(map(len, listed))), dtype=np.int64)
    for row, codes in zip(table, listed, strict=True):
        row[: len(codes)] = codes
    return table, np.array([len(codes) for codes in listed])
