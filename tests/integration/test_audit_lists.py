"""Audits of CSV lists with outcomes or labels, and comparisons of reports."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from ethnicity.audit import html, sources
from ethnicity.audit.columns import ColumnOptions, Columns, read_columns
from ethnicity.audit.compare import NotComparable, compare, difference
from ethnicity.audit.html_comparison import comparison_page
from ethnicity.audit.outcome import Outcome
from ethnicity.audit.prevalence import load_reference
from ethnicity.audit.records import Record
from ethnicity.audit.sources import SourceError, open_source
from ethnicity.audit.summary import summarise
from ethnicity.audit.tally import Tally
from ethnicity.audit.truth import Labelled, labelled
from ethnicity.cli.audit import audit
from ethnicity.labels import LABELS

DATA = Path(__file__).parents[1] / "data"
SCHEMA, COMPARISON_SCHEMA = (
    json.loads(Path(sources.__file__).with_name(name).read_text(encoding="utf-8"))
    for name in ("report.schema.json", "comparison.schema.json")
)

Rows = list[dict[str, str]]


def write_list(folder: Path, rows: Rows) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "list.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Twenty-six pictures, one of which has no face, with an outcome, a label and a camera."""
    rows = []
    for index in range(26):
        name = f"{index}.jpg"
        (tmp_path / "set").mkdir(exist_ok=True)
        shutil.copy(
            DATA / ("no_face.jpg" if index == 25 else "portrait.jpg"), tmp_path / "set" / name
        )
        rows.append(
            {
                "file": name,
                "failed": "TRUE" if index < 12 else "false" if index < 25 else "",
                "race": "white" if index < 20 else "" if index < 22 else "Indian",
                "camera": "front" if index % 2 else "back",
            }
        )
    return write_list(tmp_path / "set", rows)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, [*map(str, arguments)])


def report_in(out: Path) -> Any:
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, SCHEMA)
    return report


def test_a_list_with_an_outcome_and_labels_gives_both_sections(faces: Path, tmp_path: Path) -> None:
    result = run(
        faces, "--outcome", "failed", "--truth", "race", "--by", "camera", "--out", tmp_path / "out"
    )

    assert result.exit_code == 0, result.output
    report = report_in(tmp_path / "out")
    outcome, truth = report["outcome"], report["truth"]
    assert (outcome["positive"], outcome["negative"], outcome["unknown"]) == ("TRUE", "false", 1)
    assert (outcome["overall"]["positive"], outcome["overall"]["pictures"]) == (12, 25)
    assert truth["pictures"] == 24
    assert truth["unlabelled"] == 2
    assert truth["without_face"] == 1
    assert truth["labels"]["White"]["recall"]["value"] == 1
    assert truth["labels"]["Indian"] is truth["confusion"]["Indian"] is None
    assert set(truth["by"]["camera"]["values"]) == {"front", "back"}
    assert set(report["folders"]) == {"front", "back"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "failed = TRUE" in page
    assert "withheld" in page
    for told in (outcome, truth):
        assert told["verdict"]["level"] == "unknown"
        assert told["verdict"]["text"] in result.output


@pytest.mark.parametrize(
    ("rows", "asked", "message"),
    [
        (
            [{"file": "a.jpg", "x": "1"}],
            ColumnOptions(outcome="y"),
            "no column y; its columns: file, x",
        ),
        ([{"file": "a.jpg", "x": "1"}], ColumnOptions(outcome="x"), "it has 1 \\(1\\)"),
        (
            [{"file": f"{value}.jpg", "x": value} for value in ("a", "b", "c")],
            ColumnOptions(outcome="x"),
            "it has a \\(1\\), b \\(1\\), c \\(1\\)",
        ),
        (
            [{"file": f"{value}.jpg", "x": value} for value in ("pass", "fail")],
            ColumnOptions(outcome="x"),
            "value of x to count with --positive: pass or fail",
        ),
        (
            [{"file": f"{value}.jpg", "x": value} for value in ("pass", "fail")],
            ColumnOptions(outcome="x", positive="failed"),
            "pass or fail",
        ),
        (
            [{"file": "a.jpg", "x": "East Asian"}],
            ColumnOptions(truth="x"),
            "it has East Asian \\(1\\)",
        ),
        ([{"file": "a.jpg", "x": ""}], ColumnOptions(truth="x"), "it has no values"),
        (
            [{"file": "a.jpg", "x": value} for value in ("0", "1")],
            ColumnOptions(outcome="x"),
            "a.jpg is listed twice, with different values of x",
        ),
        ([{"file": "a.jpg", "x": "1"}], ColumnOptions(positive="1"), "--positive needs --outcome"),
    ],
)
def test_columns_are_checked_before_any_picture_is_read(
    tmp_path: Path, rows: Rows, asked: ColumnOptions, message: str
) -> None:
    source = open_source(str(write_list(tmp_path, rows)))

    with pytest.raises(SourceError, match=message):
        read_columns(source, asked)


def test_a_list_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("file,x\né.jpg,1\n".encode("latin-1"))

    with pytest.raises(SourceError, match="not a CSV file in UTF-8"):
        read_columns(open_source(str(file)), ColumnOptions(outcome="x"))


def test_column_options_need_a_list(tmp_path: Path) -> None:
    result = run(tmp_path, "--outcome", "failed")

    assert result.exit_code != 0
    assert "need a CSV list" in result.output


@pytest.mark.parametrize(("positive", "counted"), [("fail", "fail"), ("PASS", "pass")])
def test_either_value_can_be_counted(tmp_path: Path, positive: str, counted: str) -> None:
    rows = [{"file": f"{value}.jpg", "x": value} for value in ("pass", "fail")]
    source = open_source(str(write_list(tmp_path, rows)))

    columns = read_columns(source, ColumnOptions(outcome="x", positive=positive))

    assert columns.outcome
    assert columns.outcome.positive == counted
    assert columns.outcome.is_positive[f"{counted}.jpg"]


# ---------------------------------------------------------------- contents of the sections


def answered(label: int, name: str, sure: float = 0.9) -> Record:
    rest = (1 - sure) / 4
    probabilities = tuple(sure if index == label else rest for index in range(5))
    return Record(name, "", None, 64, 64, 1, 64, probabilities, (LABELS[label],))


def outcome(positive: list[int], negative: list[int]) -> Outcome:
    """An outcome with these numbers of faces per label, with it and without; labels are clear."""
    made = Outcome("failed", "1", "0")
    for tally, counts in ((made.with_it, positive), (made.without_it, negative)):
        for label, count in enumerate(counts):
            for _ in range(count):
                tally.add(answered(label, "", sure=0.996))
    return made


def report_on(made: Outcome | None = None, truth: Labelled | None = None) -> Any:
    tally = Tally()
    for each in (made.with_it, made.without_it) if made else ():
        tally.merge(each)
    told = summarise(
        {"": tally},
        title="t",
        reference=load_reference(),
        made="2026-01-01T00:00:00Z",
        outcome=made,
        truth=truth,
    )
    jsonschema.validate(told, SCHEMA)
    html.page(told)
    return told


def test_the_verdict_names_differences_that_the_intervals_support() -> None:
    told = report_on(outcome([60, 10, 10, 10, 10], [140, 190, 190, 190, 190]))["outcome"]

    assert told["verdict"]["level"] == "different"
    text = told["verdict"]["text"]
    assert "“failed = 1” is more common for White (30" in text
    gap = told["largest_difference"]
    assert gap["higher"] == "White"
    low, high = gap["interval_95"]
    assert 0.1 < low < 0.25 < high < 0.4
    assert f"is {100 * low:.1f} to {100 * high:.1f} percentage points" in text
    assert {pair["higher"] for pair in told["different"]} == {"White"}
    assert told["largest_ratio"]["value"] == pytest.approx(6, abs=0.5)


def test_a_chance_difference_is_not_reported() -> None:
    told = report_on(outcome([20, 24, 17, 22, 19], [180, 176, 183, 178, 181]))["outcome"]

    assert told["verdict"]["level"] == "not_shown"
    assert told["different"] == []
    assert told["largest_difference"]["interval_95"][0] == 0
    assert "no difference" in told["verdict"]["text"]


def test_a_ratio_to_a_rate_near_zero_has_no_upper_limit() -> None:
    told = report_on(outcome([80, 0, 20, 20, 20], [120, 200, 180, 180, 180]))["outcome"]

    assert told["largest_ratio"]["lower"] == "Black"
    assert told["largest_ratio"]["interval_95"][1] is None


def test_labels_that_may_have_fewer_than_ten_faces_are_withheld() -> None:
    told = report_on(outcome([30, 1, 30, 30, 30], [100, 4, 100, 100, 100]))["outcome"]
    assert told["labels"]["Black"] is None
    assert told["labels"]["White"]["rate"]

    few = report_on(outcome([2, 1, 2, 2, 2], [100, 100, 100, 100, 100]))["outcome"]
    assert set(few["labels"].values()) == {None}
    assert few["verdict"]["level"] == "unknown"
    assert "9 faces with it, 500 without" in few["verdict"]["text"]


def test_pictures_without_a_face_have_their_own_row() -> None:
    made = outcome([30] * 5, [100] * 5)
    for index in range(20):
        tally = made.with_it if index < 15 else made.without_it
        tally.add(Record(f"{index}", "", "no_face", 64, 64))

    report = report_on(made)
    told = report["outcome"]["without_face"]

    assert (told["positive"], told["pictures"]) == (15, 20)
    assert told["rate"]["value"] == 0.75
    assert report["outcome"]["overall"]["pictures"] == 650
    assert "No face found" in html.page(report)


def labelled_set(right: list[float], size: int = 100, age: list[str] | None = None) -> Labelled:
    """``size`` pictures of each label, classified right at these rates, else as the next label."""
    records, label_of, ages = [], {}, {}
    for label, rate in enumerate(right):
        for index in range(size):
            name = f"{label}-{index:03}"
            guess = label if index < rate * size else (label + 1) % 5
            records.append(answered(guess, name))
            label_of[name] = label
            ages[name] = age[index % len(age)] if age else ""
    return labelled(records, "race", label_of, {"age": ages} if age else {})


def test_the_classifier_is_compared_with_the_labels() -> None:
    told = report_on(truth=labelled_set([0.9, 0.5, 0.9, 0.9, 0.9]))["truth"]

    assert told["accuracy"]["value"] == pytest.approx(0.82)
    assert told["labels"]["Black"]["recall"]["value"] == 0.5
    low, high = told["labels"]["Black"]["recall"]["interval_95"]
    assert 0.39 < low < 0.5 < high < 0.61
    assert told["labels"]["Asian"]["precision"]["value"] == pytest.approx(90 / 140, abs=1e-3)
    assert told["confusion"]["Black"] == {
        "White": 0,
        "Black": 50,
        "Asian": 50,
        "Indian": 0,
        "Others": 0,
        "no_face": 0,
    }
    assert told["labels"]["Black"]["set_coverage"]["value"] == 0.5
    assert told["verdict"]["level"] == "different"
    assert "least often for Black (50.0 %" in told["verdict"]["text"]
    gap_low, gap_high = told["largest_difference"]["interval_95"]
    assert 0.2 < gap_low < 0.4 < gap_high < 0.6
    (last,) = (each for each in told["calibration"]["bins"] if each["pictures"])
    assert (last["confidence"], last["right"]) == (0.9, 0.82)
    assert told["calibration"]["error"] == pytest.approx(0.08)


def test_equal_recalls_give_no_difference() -> None:
    told = report_on(truth=labelled_set([0.9, 0.88, 0.9, 0.91, 0.9]))["truth"]

    assert told["verdict"]["level"] == "not_shown"
    assert told["largest_difference"]["interval_95"][0] == 0


def test_a_picture_without_a_face_counts_as_wrong_and_an_unreadable_one_is_left_out() -> None:
    records = [answered(0, f"{index}") for index in range(90)]
    records += [Record(f"none-{index}", "", "no_face", 9, 9) for index in range(10)]
    records += [Record("bad", "", "corrupt_image")]
    label_of = dict.fromkeys((each.name for each in records), 0)

    told = report_on(truth=labelled(records, "race", label_of, {}))["truth"]

    assert told["pictures"] == 100
    assert told["accuracy"]["value"] == 0.9
    assert told["confusion"]["White"]["no_face"] == 10


def test_additional_columns_are_compared_and_rare_values_are_combined() -> None:
    ages = ["young"] * 14 + ["old"] * 5 + ["c"]
    report = report_on(truth=labelled_set([0.9] * 5, age=ages))
    told = report["truth"]["by"]["age"]

    assert set(told["values"]) == {"young", "old", "c"}
    assert told["labels_compared"] == []
    assert told["values"]["c"]["recall"]["White"] is None
    assert told["values"]["c"]["balanced_accuracy"] is None

    ages = ["young"] * 12 + ["old"] * 8
    told = report_on(truth=labelled_set([0.9] * 5, age=ages))["truth"]["by"]["age"]
    assert told["labels_compared"] == list(LABELS)
    assert told["values"]["young"]["balanced_accuracy"]
    assert told["largest_difference"]["interval_95"][0] >= 0

    ages = [f"{index}" for index in range(100)]
    told = report_on(truth=labelled_set([0.9] * 5, age=ages))["truth"]["by"]["age"]
    assert told["values"] == {}
    assert told["others"]["values"] == 100
    assert told["others"]["pictures"] == 500


def test_records_without_a_list_have_no_outcome_and_no_labels() -> None:
    assert Columns().outcome_of([]) is None
    assert Columns().truth_of([]) is None


# ---------------------------------------------------------------- two reports


def report_of(counts: list[int], made: Outcome | None = None, title: str = "t") -> Any:
    tally = Tally()
    for label, count in enumerate(counts):
        for _ in range(count):
            tally.add(answered(label, "", sure=0.996))
    return summarise(
        {"": tally},
        title=title,
        reference=load_reference(),
        made="2026-01-01T00:00:00Z",
        outcome=made,
    )


def test_two_reports_are_compared_by_shares_and_outcomes(tmp_path: Path) -> None:
    one = report_of([450, 150, 150, 150, 100], outcome([20] * 5, [180] * 5), "before")
    two = report_of([150, 450, 150, 150, 100], outcome([60, *[20] * 4], [140, *[180] * 4]), "after")
    for name, report in (("one", one), ("two", two)):
        (tmp_path / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")

    result = run("compare", tmp_path / "one.json", tmp_path / "two.json", "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    jsonschema.validate(told, COMPARISON_SCHEMA)
    assert told["verdict"]["level"] == "different"
    sure = [label for label, each in told["shares"].items() if each["more_than_chance"]]
    assert sure == ["White", "Black"]
    assert told["shares"]["White"]["difference"] == pytest.approx(-0.3, abs=0.01)
    low, high = told["shares"]["White"]["interval_95"]
    assert low < -0.3 < high < 0
    assert told["outcome"]["labels"]["White"]["more_than_chance"]
    assert not told["outcome"]["labels"]["Asian"]["more_than_chance"]
    assert "White: the share in after is" in result.output
    assert "more than chance" in result.output
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "White: before" in page
    assert "<script" not in page


def test_similar_reports_show_no_difference() -> None:
    told = compare(report_of([100] * 5), report_of([104, 96, 100, 100, 100]))

    assert told["verdict"]["level"] == "not_shown"
    assert told["outcome"] is None
    assert "No difference" in comparison_page(told)


def test_a_withheld_rate_is_not_compared() -> None:
    few = outcome([30, 1, 30, 30, 30], [100, 4, 100, 100, 100])

    told = compare(*(report_of([200] * 5, few) for _ in range(2)))

    jsonschema.validate(told, COMPARISON_SCHEMA)
    assert told["outcome"]
    assert told["outcome"]["labels"]["Black"] is None
    assert "withheld" in comparison_page(told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "apparent-ethnicity-audit/1"}, "audit the set again"),
        ({"model": "other"}, "of different models"),
    ],
)
def test_reports_that_cannot_be_compared_get_messages(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    one = report_of([100] * 5)
    (tmp_path / "one.json").write_text(json.dumps(one), encoding="utf-8")
    (tmp_path / "two.json").write_text(json.dumps(one | change), encoding="utf-8")

    result = run("compare", tmp_path / "one.json", tmp_path / "two.json")

    assert result.exit_code != 0
    assert message in result.output


def test_reports_of_too_few_faces_and_other_files_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(NotComparable, match="too few faces"):
        compare(report_of([1] * 5), report_of([100] * 5))
    (tmp_path / "text").write_text("no JSON")
    assert "not a report.json" in run("compare", tmp_path / "text", tmp_path / "text").output


def test_intervals_cover_the_differences_of_independent_sets() -> None:
    rng = np.random.default_rng(0)
    covered, called = [], []
    for _ in range(30):
        found = []
        for _ in range(2):
            value = rng.normal(0.3, 0.02)
            found.append({"value": value, "interval_95": [value - 0.0392, value + 0.0392]})
        told = difference(*found)
        covered.append(told["interval_95"][0] <= 0 <= told["interval_95"][1])
        called.append(told["more_than_chance"])
    assert np.mean(covered) >= 0.85
    assert np.mean(called) <= 0.1
