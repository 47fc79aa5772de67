"""A first line that names columns is told from one that holds values."""

import pytest

from synth.lake.header import looks_like_values


@pytest.mark.parametrize(
    "line",
    [
        "39,State-gov,77516,Bachelors,13",
        "Alice,3.5",
        "Alice,-3",
        "Alice,2024-01-31 10:00",
        "a@b.org,x",
        "x,true",
        "550e8400-e29b-41d4-a716-446655440000,x",
        "5,5",
        "Alice,17,40",
    ],
)
def test_values(line: str) -> None:
    assert looks_like_values(line.split(","))


@pytest.mark.parametrize(
    "line",
    [
        "name,age",
        "",
        "country,1990,1991,1992",
        "0,1,2,3",
        "label,2020",
        "1st,2nd",
        "Q1 2024,Q2 2024",
        "_c0,x",
        "x.1,y.2",
        "EU,NA,null",
        "Province/State,Lat,Long," + ",".join(f"1/{day}/20" for day in range(22, 31)),
    ],
)
def test_names(line: str) -> None:
    assert not looks_like_values(line.split(","))
