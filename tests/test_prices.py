"""Prices that follow the request: as inferred from a document's example, as an overlay says, as explain tells."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mockserver.cli import main
from mockserver.contract.behaviour import Profile
from mockserver.contract.document.evidence import Evidence
from mockserver.contract.price import Factor, Length, Price, Quantities, Tokens
from tests.conftest import MakeMock
from tests.house import Mock
from tests.invented import document, operation, request, task_answer, usage, written

PATH = "/v1/things/generations"
N = {"type": "integer", "minimum": 1, "maximum": 6}
DURATION = {"type": "integer", "minimum": 4, "maximum": 15, "default": 4}
VIDEOS = {"type": "array", "items": {"type": "string", "format": "uri"}}
CLIP = "https://example.com/clip.mp4"


def duration_of(seconds: int) -> dict[str, Any]:
    """A task's answer that says how long the example is."""
    return {"type": "object", "properties": {"video_duration": {"type": "integer", "example": seconds}}}


def mocked(make_mock: MakeMock, folder: Path, answer: dict[str, Any], overlay: Any = None, **fields: Any) -> Mock:
    """A mock of the model `m` whose document says this of its price."""
    written(folder, m=document((PATH, operation(request("m", **fields), task_answer(**answer)))))
    if overlay is not None:
        (folder / "m.overlay.yaml").write_text(json.dumps({"overlay": 1, "models": {"m": overlay}}))
    return make_mock(specs=(folder,))


def reserved(mock: Mock, **fields: Any) -> float:
    """What a request reserves, in credits."""
    before = mock.book()["user"]["reserved"]
    response = mock.post(PATH, {"model": "m", **fields})
    assert response.status_code == 200, response.text
    return float((mock.book()["user"]["reserved"] - before) / 10_000)


def test_per_image_counts_the_images_asked_for(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = mocked(make_mock, tmp_path, {"usage": usage("per_image", 2.2483)}, n=N)
    assert [reserved(mock), reserved(mock, n=1), reserved(mock, n=6)] == [2.2483, 2.2483, 13.4898]


def test_an_example_for_several_images_is_shared_out(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = mocked(make_mock, tmp_path, {"usage": usage("per_image", 8)}, n={**N, "example": 4})
    assert [reserved(mock), reserved(mock, n=6)] == [2, 12]


def test_per_call_costs_the_same_however_much_is_asked_for(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = mocked(make_mock, tmp_path, {"usage": usage("per_call", 3)}, n=N, duration=DURATION)
    assert [reserved(mock), reserved(mock, n=6, duration=15)] == [3, 3]


def test_per_second_counts_the_length_asked_for(make_mock: MakeMock, tmp_path: Path) -> None:
    answer = {"usage": usage("per_second", 50), "task_info": duration_of(8)}
    mock = mocked(make_mock, tmp_path, answer, duration=DURATION)
    assert [reserved(mock), reserved(mock, duration=8), reserved(mock, duration=15)] == [25, 50, 93.75]


@pytest.mark.parametrize(
    ("schema", "asked"), [({"type": "string", "enum": ["5", "10"], "default": "5"}, "10"), ({"default": "5s"}, "10s")]
)
def test_a_length_may_be_text(make_mock: MakeMock, tmp_path: Path, schema: dict[str, Any], asked: str) -> None:
    mock = mocked(make_mock, tmp_path, {"usage": usage("per_second", 5)}, duration=schema)
    assert [reserved(mock), reserved(mock, duration=asked)] == [5, 10]


def test_per_second_counts_each_of_several_results(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = mocked(make_mock, tmp_path, {"usage": usage("per_second", 8)}, duration=DURATION, n=N)
    assert [reserved(mock), reserved(mock, n=3, duration=8)] == [8, 48]


def test_per_second_of_media_counts_what_lies_behind_them(make_mock: MakeMock, tmp_path: Path) -> None:
    answer = {"usage": usage("per_second", 60), "task_info": duration_of(6)}
    mock = mocked(make_mock, tmp_path, answer, video_urls=VIDEOS)
    urls = [f"{CLIP}?mock:duration_seconds=9"]
    assert [reserved(mock, video_urls=[CLIP]), reserved(mock, video_urls=urls)] == [60, 90]


def test_an_example_of_unknown_length_lasts_as_long_as_the_built_in_one(make_mock: MakeMock, tmp_path: Path) -> None:
    answer = {"usage": usage("per_second", 28.8), "task_info": duration_of(0)}
    mock = mocked(make_mock, tmp_path, answer, video_urls=VIDEOS)
    urls = [f"{CLIP}?mock:duration_seconds=18"]
    assert [reserved(mock, video_urls=[CLIP]), reserved(mock, video_urls=urls)] == [28.8, 57.6]


def test_an_example_of_no_length_is_for_every_request(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = mocked(make_mock, tmp_path, {"usage": usage("per_second", 28.8), "task_info": duration_of(0)})
    assert reserved(mock) == 28.8


def test_without_a_word_of_money_an_empty_account_is_refused(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = mocked(make_mock, tmp_path, {})
    mock.account(credits=0)
    response = mock.post(PATH, {"model": "m"})
    assert (response.status_code, response.json()["error"]["code"]) == (402, "insufficient_quota")
    mock.account(credits=1)
    assert mock.post(PATH, {"model": "m"}).status_code == 200


def priced(**price: Any) -> dict[str, Any]:
    told = {"evidence": "documented", "billing_rule": "per_call", **price}
    return {"x-evolink-price": {"documented": told}}


def test_an_overlay_multiplies_by_what_a_request_asks_for(make_mock: MakeMock, tmp_path: Path) -> None:
    factors = [
        {"field": "quality", "equals": "1080p", "factor": "2", "evidence": "documented"},
        {"field": "params.filter", "equals": False, "factor": "1.1"},
        {"field": "copies"},
    ]
    mock = mocked(make_mock, tmp_path, {}, priced(credits="10", factors=factors))
    assert reserved(mock) == 10
    assert reserved(mock, quality="1080p") == 20
    assert reserved(mock, quality="480p", params={"filter": False}) == 11
    assert reserved(mock, quality="1080p", params={"filter": False}, copies=3) == 66
    assert reserved(mock, quality=["1080p"], params={"filter": 0}, copies="many") == 10


def test_an_overlay_adds_up_call_seconds_images_and_tokens(make_mock: MakeMock, tmp_path: Path) -> None:
    parts = {"credits": "1", "credits_per_second": "2", "credits_per_image": "3", "credits_per_token": "1/1000"}
    tokens = {"request": "10", "second": "100", "image": "1000", "character": "1/4"}
    mock = mocked(make_mock, tmp_path, {}, priced(**parts, tokens=tokens), n=N, duration=DURATION)
    assert reserved(mock) == 1 + 2 * 4 + 3 + (10 + 400 + 1000) / 1000
    assert reserved(mock, n=2, duration=5, prompt="x" * 400) == 1 + 2 * 5 + 3 * 2 + (10 + 500 + 2000 + 100) / 1000


def test_an_overlay_may_bill_input_and_output_together(make_mock: MakeMock, tmp_path: Path) -> None:
    length = {
        "evidence": "documented",
        "field": "video_urls",
        "seconds_field": "duration",
        "together": True,
        "default_seconds": 5,
        "read_as": {"-1": 30, "auto": 12},
    }
    overlay = {**priced(credits_per_second="1"), "x-evolink-length": length}
    mock = mocked(make_mock, tmp_path, {}, overlay, video_urls=VIDEOS)
    urls = [f"{CLIP}?mock:duration_seconds=7", CLIP]
    assert [reserved(mock), reserved(mock, video_urls=urls), reserved(mock, video_urls=urls, duration=10)] == [
        5,
        12,
        17,
    ]
    assert [reserved(mock, duration=-1), reserved(mock, duration="auto"), reserved(mock, duration=0)] == [30, 12, 5]


def test_a_profile_without_a_price_of_its_own_has_the_others(make_mock: MakeMock, tmp_path: Path) -> None:
    mocked(make_mock, tmp_path, {}, priced(credits="3"))
    assert reserved(make_mock(specs=(tmp_path,), profile=Profile.OBSERVED)) == 3


@pytest.mark.parametrize(
    ("price", "told"),
    [
        ({}, "at least one of credits, credits_per_second, credits_per_image, credits_per_token"),
        ({"credits": "-1"}, "can't be negative"),
        ({"credits": "1/0"}, "x-evolink-price"),
        ({"credits": "much"}, "x-evolink-price"),
        ({"credits_per_token": "1"}, "credits_per_token and tokens go together"),
        ({"credits": "1", "tokens": {"request": "1"}}, "credits_per_token and tokens go together"),
        ({"credits_per_token": "1", "tokens": {"image": "-1"}}, "number of tokens can't be negative"),
        ({"credits": "1", "factors": [{"field": "a", "equals": 1}]}, "both equals and factor, or neither"),
        ({"credits": "1", "factors": [{"field": "a", "equals": 1, "factor": "-2"}]}, "factor can't be negative"),
        ({"credits": "1", "credits_per_frame": "1"}, "credits_per_frame"),
    ],
)
def test_a_price_that_means_nothing_is_told(
    make_mock: MakeMock, tmp_path: Path, price: dict[str, Any], told: str
) -> None:
    mock = mocked(make_mock, tmp_path, {}, priced(**price))
    assert [fault for fault in mock.app.registry.faults if told in f"{fault.place}: {fault.message}"]
    assert "m" not in mock.app.registry.models


amounts = st.fractions(min_value=0, max_value=1000, max_denominator=10_000).map(str)
quantities = st.tuples(st.integers(0, 100_000), st.integers(1, 100), st.integers(0, 5_000)).map(
    lambda drawn: Quantities(*drawn)
)


@given(
    st.builds(
        Price,
        evidence=st.just(Evidence.ASSUMED),
        billing_rule=st.just("per_call"),
        credits=amounts,
        credits_per_second=amounts,
        credits_per_image=amounts,
        credits_per_token=amounts,
        tokens=st.builds(Tokens, request=amounts, second=amounts, image=amounts, character=amounts),
        minimum_seconds=st.integers(0, 10),
        maximum_seconds=st.none() | st.integers(10, 30),
        seconds_rounded_up_to=st.none() | st.sampled_from(["1", "0.01", "5"]),
    ),
    quantities,
    quantities,
)
def test_who_asks_for_more_never_pays_less(price: Price, one: Quantities, other: Quantities) -> None:
    both = Quantities(*(max(pair) for pair in zip(one[:3], other[:3], strict=True)))
    assert price.amount_uc(both) >= max(price.amount_uc(one), price.amount_uc(other)) >= 0


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans() | st.lists(st.integers()))
def test_no_value_of_a_field_breaks_a_price(value: Any) -> None:
    length = Length(evidence=Evidence.ASSUMED, seconds_field="d", default_seconds=5)
    assert 0 <= length.billed_ms(value, None) <= 86_400_000
    assert 0 < Factor(field="d").of(value) <= 1_000
    assert Factor(field="d", equals="x", factor="2").of(value) == (2 if value == "x" else 1)


# --- what explain says


def explained(folder: Path) -> list[str]:
    done = CliRunner().invoke(main, ["explain", "--spec", str(folder), "--model", "m"])
    assert done.exit_code == 0, done.output
    lines = [line.strip() for line in done.output.splitlines()]
    start = next(index for index, line in enumerate(lines) if line.startswith("price "))
    return [lines[start].removeprefix("price").strip(), *lines[start + 1 : start + 4]]


def test_explain_tells_an_inferred_price_as_assumed_with_two_examples(make_mock: MakeMock, tmp_path: Path) -> None:
    answer = {"usage": usage("per_second", 44.2), "task_info": duration_of(4)}
    mocked(make_mock, tmp_path, answer, duration=DURATION)
    assert explained(tmp_path)[:3] == [
        "11.05 credits a second (per_second)  [assumed]",
        "a request that says no more than it has to: 44.2 credits",
        "duration 15: 165.75 credits",
    ]


def test_what_explain_works_out_is_what_the_mock_reserves(make_mock: MakeMock, tmp_path: Path) -> None:
    factors = [{"field": "params.speed", "equals": "turbo", "factor": "2", "evidence": "vendor"}]
    tokens = {"second": "10", "character": "1/4"}
    price = priced(credits_per_image="2", credits_per_token="1/100", tokens=tokens, factors=factors, note="As told.")
    mock = mocked(make_mock, tmp_path, {}, price, n=N, duration=DURATION)
    told = "2 credits an image + 1/100 credits a token; times 2 where params.speed is turbo [vendor]"
    first, note, plain, full = explained(tmp_path)
    assert first.replace("0.01", "1/100") == f"{told} (per_call)  [documented]"
    assert (note, plain) == ("As told.", f"a request that says no more than it has to: {reserved(mock):g} credits")
    most = reserved(mock, duration=15, n=6, prompt="x" * 1000, params={"speed": "turbo"})
    assert full == f"duration 15, n 6, a prompt of 1000 characters, params.speed turbo: {most:g} credits"
