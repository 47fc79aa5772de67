"""Public lists: which are in use is told from released counts, and noise alone puts none to use."""

import numpy as np

from synth.core.vocabulary import believed, completion, public_lists, public_words

SCALE = 50.0


def noisy(counts: dict[str, float], seed: int) -> dict[str, float]:
    noise = np.random.default_rng(seed).normal(0, SCALE, len(public_words()))
    return {word: counts.get(word, 0) + z for word, z in zip(public_words(), noise, strict=True)}


def test_words_of_a_list_in_use_are_believed_far_below_the_threshold_of_a_name() -> None:
    counts = {"Sometimes": 160.0, "Rarely": 150.0}
    found = [believed(noisy(counts, seed), ("Often", "Never"), SCALE, 400.0) for seed in range(50)]
    assert sum("Rarely" in kept for kept in found) >= 35
    strange = [word for kept in found for word in kept if word not in counts]
    assert len(strange) <= 10, "a fifth of the columns may get one word that they do not have"


def test_a_list_is_in_use_where_its_words_stand_out_together() -> None:
    counts = {"Yes": 350.0, "No": 340.0, "Don't know": 330.0}
    found = [believed(noisy(counts, seed), (), SCALE, 1020.0) for seed in range(20)]
    assert sum("Yes" in kept for kept in found) >= 16


def test_noise_alone_names_nothing() -> None:
    """Each run draws 1,400 words; the rule lets one list in 300,000 pass."""
    assert all(not believed(noisy({}, seed), ("blue whale",), SCALE, 1e9) for seed in range(50))


def test_no_more_words_are_believed_than_there_is_room_for() -> None:
    counts = dict.fromkeys(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"), 1_000.0)
    assert believed(noisy(counts, 1), ("Sunday", "Saturday"), SCALE, 0.0) == {}


def test_a_word_for_missing_is_no_sign_of_a_list() -> None:
    assert completion(("NA",)) == ()
    assert not believed(noisy({"JO": 170.0, "TN": 180.0}, 2), ("NA",), SCALE, 500.0)


def test_a_list_is_completed_by_its_other_words_alone() -> None:
    assert set(completion(("Mon", "Tue"))) >= {"Wed", "Sun"}
    assert "Mon" not in completion(("Mon", "Tue"))
    assert completion(("Mon", "blue whale")) == ()
    assert completion(()) == ()


def test_lists_hold_each_word_once() -> None:
    assert all(len(set(words)) == len(words) for words in public_lists())
