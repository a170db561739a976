"""What is held for pages, and what is forgotten of it."""

from studio.ui.latest import Latest


def test_what_nobody_asked_for_longest_is_forgotten_first():
    gone = []
    held = Latest(2, gone.append)
    held.keep("a", 1)
    held.keep("b", 2)
    assert held.get("a") == 1
    held.keep("c", 3)
    assert gone == [2] and held.get("b") is None and "a" in held and "c" in held


def test_a_value_in_place_of_another_counts_as_asked_for():
    held = Latest(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        assert held.keep(key, value) == value
    assert held.get("a") == 3 and "b" not in held


def test_keys_are_drawn_and_unlike():
    held = Latest(5)
    keys = {held.add(number) for number in range(5)}
    assert len(keys) == 5 and min(map(len, keys)) >= 16 and {held.get(key) for key in keys} == set(range(5))
