"""The audit command, run as its users run it."""

import csv
import json
import re
import shutil
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from ethnicity.audit import sources
from ethnicity.audit.prevalence import load_reference
from ethnicity.audit.records import Record
from ethnicity.audit.summary import UNIFORM, Target, largest_ratio, summarise, total_variation
from ethnicity.audit.tally import Tally
from ethnicity.audit.work import Journal, examine_all
from ethnicity.cli import audit as command
from ethnicity.cli.audit import audit
from ethnicity.labels import LABELS
from tests import aws
from tests.sources import Deadly

SCHEMA = Path(sources.__file__).with_name("report.schema.json")

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two folders: ten faces each, one picture without a face, three that cannot be judged."""
    folder = tmp_path / "my set"
    for place, name in {
        "train/obama.jpg": "obama.jpg",
        **{f"train/{index}.jpg": "portrait.jpg" for index in range(9)},
        **{f"test/{index}.jpg": "portrait.jpg" for index in range(10)},
        "test/no_face.jpg": "no_face.jpg",
        "test/portrait.png": "portrait.png",
    }.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DATA / name, folder / place)
    (folder / "train" / "cut <b>.jpg").write_bytes((DATA / "portrait.jpg").read_bytes()[:4000])
    (folder / "empty.jpg").touch()
    (folder / "labels.csv").write_text("file\n")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, [*map(str, arguments), "--jobs", "1"])


def report_in(out: Path) -> Any:
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    schema = json.loads(
        Path(sources.__file__).with_name("report.schema.json").read_text(encoding="utf-8")
    )
    jsonschema.validate(report, schema)
    return report


def test_a_folder_gives_both_reports(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    result = run(pictures, "--out", out)

    assert result.exit_code == 0, result.output
    report = report_in(out)
    assert report["title"] == "my set"
    assert report["verdict"]["level"] == "unknown"
    whole = report["whole"]
    assert (whole["pictures"], whole["judged"], whole["without_face"], whole["bad"]) == (
        24,
        21,
        1,
        2,
    )
    assert sum(each["counted"] for each in whole["composition"].values()) == 21
    pictures_in = {name: each["pictures"] for name, each in report["folders"].items()}
    assert pictures_in == {"test": 12, "train": 11}
    assert report["other_folders"]["names"] == [""]
    assert report["other_folders"]["composition"] is None
    assert report["outcome"] is report["truth"] is None
    assert {each["name"]: each["code"] for each in report["bad"]} == {
        "empty.jpg": "no_image",
        "train/cut <b>.jpg": "corrupt_image",
    }
    # THEN no other file is left, and no picture that was judged is named
    assert {file.name for file in out.iterdir()} == {"report.json", "report.html"}
    for file in out.iterdir():
        text = file.read_text(encoding="utf-8")
        assert "obama" not in text
        assert str(tmp_path) not in text


def test_a_folder_of_one_persons_pictures_does_not_reveal_their_label(tmp_path: Path) -> None:
    for place in ("alice/1.jpg", "bob/1.jpg", "bob/2.jpg", *(f"c/{i}.jpg" for i in range(10))):
        (tmp_path / "set" / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DATA / "portrait.jpg", tmp_path / "set" / place)

    assert run(tmp_path / "set", "--out", tmp_path).exit_code == 0

    report = report_in(tmp_path)
    assert report["whole"]["composition"]
    # THEN subtracting the largest folder does not either: the folders are reported together
    assert report["folders"] == {}
    others = report["other_folders"]
    assert others["names"] == ["alice", "bob", "c"]
    assert others["composition"]
    assert others["judged"] == 13

    # AND three pictures are only counted
    shutil.rmtree(tmp_path / "set" / "c")
    assert run(tmp_path / "set", "--out", tmp_path).exit_code == 0
    whole = report_in(tmp_path)["whole"]
    assert whole["judged"] == 3
    assert whole["composition"] is whole["balance"] is whole["uncertain_share"] is None
    assert report_in(tmp_path)["other_folders"]["composition"] is None
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "withheld" in page
    assert "Too few faces to tell how balanced" in page


def test_small_folders_are_reported_together() -> None:
    sizes = {"a": 1, "b": 4, "c": 30, "d": 6, "e": 40}
    told = summarise(
        {name: tally([size, 0, 0, 0, 0]) for name, size in sizes.items()},
        title="t",
        reference=load_reference(),
        made="2026-01-01T00:00:00Z",
    )
    assert list(told["folders"]) == ["c", "e"]
    assert told["other_folders"]["names"] == ["a", "b", "d"]
    assert told["other_folders"]["judged"] == 11
    assert told["other_folders"]["composition"]


def test_the_page_loads_nothing_runs_no_scripts_and_escapes_names(
    pictures: Path, tmp_path: Path
) -> None:
    run(pictures, "--out", tmp_path)

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.findall(
        r"(?:src=|href=|url\(|@import|<script|http)", page.replace("http-equiv", "")
    )
    assert "cut &lt;b&gt;.jpg" in page.replace("<wbr>", "")
    assert "default-src 'none'" in page
    # THEN each table has a head and a body, and screen readers skip each chart
    assert page.count("<table") == page.count("<tbody>")
    assert len(re.findall(r"<svg(?! class=\"\w+\" aria-hidden| aria-hidden)", page)) == 0


def test_single_results_are_written_only_on_request_and_for_their_owner(
    pictures: Path, tmp_path: Path
) -> None:
    file = tmp_path / "each.csv"
    file.touch(0o644)

    run(pictures, "--out", tmp_path / "out", "--per-image", file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(encoding="utf-8", newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    assert len(rows) == 24
    assert rows["train/obama.jpg"]["label"] in LABELS
    assert sum(float(rows["train/obama.jpg"][label]) for label in LABELS) == pytest.approx(
        1, abs=1e-4
    )
    assert (rows["empty.jpg"]["fault"], rows["empty.jpg"]["label"]) == ("no_image", "")
    assert rows["test/no_face.jpg"]["width"] == "160"


def test_an_interrupted_run_resumes(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a run that was interrupted after a picture or two
    def interrupted(*arguments: Any) -> Any:
        _, listed, _ = arguments
        first, *_ = listed
        yield [Record(first.name, first.group, "corrupt_image")]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "examine_all", interrupted)
        result = run(pictures, "--out", tmp_path)
    assert result.exit_code == 130
    assert "same command again to resume" in result.output
    journal = tmp_path / command.JOURNAL
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    # GIVEN a last line that was only partly written
    with journal.open("a") as stream:
        stream.write('{"name": "half')

    assert run(pictures, "--out", tmp_path).exit_code == 0

    # THEN pictures with known results were not examined again
    report = report_in(tmp_path)
    assert report["whole"]["pictures"] == 24
    assert {"name": "empty.jpg", "code": "corrupt_image"}.items() <= report["bad"][0].items()
    assert not journal.exists()


def test_the_journal_of_a_different_run_is_ignored(tmp_path: Path) -> None:
    about = {"source": "one", "model": "m"}
    journal = Journal(tmp_path / "journal", about)
    journal.write([Record("a.jpg", probabilities=(0.2,) * 5, faces=1)])
    journal.close()

    again = Journal(tmp_path / "journal", about)
    again.close()
    assert again.records == [Record("a.jpg", probabilities=(0.2,) * 5, faces=1)]
    other = Journal(tmp_path / "journal", about | {"model": "newer"})
    other.close()
    assert other.records == []


def test_a_picture_that_crashes_its_process_is_listed_and_the_others_are_judged(
    pictures: Path,
) -> None:
    shutil.copy(DATA / "portrait.jpg", pictures / "deadly.jpg")
    source = Deadly(pictures, 1)

    records = [each for some in examine_all(source, source.list(), 1) for each in some]

    faults = {record.name: record.fault for record in records}
    assert len(records) == len(faults) == 25
    assert faults["deadly.jpg"] == "crashed"
    assert faults["train/obama.jpg"] is None


def test_an_unreadable_file_is_listed(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("file\ngone.jpg\n")

    assert run(tmp_path / "list.csv", "--out", tmp_path).exit_code == 0

    (bad,) = report_in(tmp_path)["bad"]
    assert bad == {"name": "gone.jpg", "code": "unreadable", "reason": "The file could not be read"}


def test_a_file_of_more_than_25_megabytes_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with (tmp_path / "set" / "large.jpg").open("wb") as stream:
        stream.truncate(25_000_001)

    run(tmp_path / "set", "--out", tmp_path)

    assert report_in(tmp_path)["bad"][0]["code"] == "image_too_large"


def test_a_prefix_in_s3_is_read_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with aws.moto_server() as moto, closing(aws.SESSION.client("s3", endpoint_url=moto)) as s3:
        for name, value in aws.environment(moto).items():
            monkeypatch.setenv(name, value)
        aws.create_bucket(s3, "faces")
        for key in ("all/train/a.jpg", "all/b.jpg", "all-old/c.jpg", "other/d.jpg"):
            s3.put_object(Bucket="faces", Key=key, Body=(DATA / "portrait.jpg").read_bytes())

        for prefix in ("all/", "all"):
            result = run(f"s3://faces/{prefix}", "--out", tmp_path)
            assert result.exit_code == 0, result.output
            report = report_in(tmp_path)
            assert (report["whole"]["judged"], report["bad"]) == (2, [])
            assert report["other_folders"]["names"] == ["", "train"]
        sources._s3().close()
        sources._s3.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{missing}"], "neither a file nor a folder"),
        (["{empty}"], "contains no pictures"),
        (["{empty}", "--reference", "{missing}"], "nor a JSON file such as"),
        (["{empty}", "--reference", "{text}"], "nor a JSON file such as"),
        (["{empty}", "--reference", "{zeros}"], "must not be negative"),
    ],
)
def test_user_errors_get_messages(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("White: 1")
    (tmp_path / "zeros").write_text(json.dumps(dict.fromkeys(LABELS, 0)))
    paths = {name: str(tmp_path / name) for name in ("missing", "empty", "text", "zeros")}

    result = run(*(each.format(**paths) for each in arguments), "--out", tmp_path / "out")

    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output


# ---------------------------------------------------------------- contents of the report


def tally(counts: list[int]) -> Tally:
    made = Tally()
    for index, count in enumerate(counts):
        sure = tuple(0.99 if place == index else 0.0025 for place in range(5))
        for _ in range(count):
            made.add(Record("", "", None, 64, 64, 1, 64, sure))
    return made


@pytest.mark.parametrize(
    ("counts", "level", "words"),
    [
        ([400] * 5, "balanced", "The set is balanced"),
        ([400, 30, 200, 200, 200], "unbalanced", "Less than half of an even share: Black 3 %"),
        ([600, 100, 100, 100, 100], "unbalanced", "More than double an even share: White 6"),
        ([800, 400, 270, 270, 260], "uneven", "The most common label is White 40 %"),
        ([9] * 5, "unknown", "45 faces, but 100 are needed"),
        ([1, 0, 0, 0, 0], "unknown", "1 face, but 100"),
    ],
)
def test_the_verdict_follows_the_intervals(counts: list[int], level: str, words: str) -> None:
    told = summarise(
        {"": tally(counts)}, title="t", reference=load_reference(), made="2026-01-01T00:00:00Z"
    )

    assert told["verdict"]["level"] == level
    assert words in told["verdict"]["text"]
    for each in (told["whole"]["composition"] or {}).values():
        low, high = each["interval_95"]
        assert low <= each["share"] <= high


def test_balance_is_compared_with_the_given_reference(tmp_path: Path) -> None:
    shares = {"White": 6, "Black": 1, "Asian": 1, "Indian": 1, "Others": 1}
    (tmp_path / "census.json").write_text(json.dumps(shares))

    target = command.read_target(str(tmp_path / "census.json"))
    assert target.shares.tolist() == [0.6, 0.1, 0.1, 0.1, 0.1]
    told = summarise(
        {"": tally([600, 100, 100, 100, 100])},
        title="t",
        reference=load_reference(),
        made="2026-01-01T00:00:00Z",
        target=target,
    )
    assert told["verdict"]["level"] == "balanced"
    assert told["target"] == {
        "name": "census.json",
        "shares": {k: v / 10 for k, v in shares.items()},
    }


def test_measures_of_balance_have_their_textbook_values() -> None:
    target = Target("t", UNIFORM.shares)
    one = [1.0, 0, 0, 0, 0]

    told = summarise(
        {"": tally([500, 0, 0, 0, 0])}, title="t", reference=load_reference(), made="2026-01-01"
    )["whole"]["balance"]
    assert told["effective_labels"]["value"] == pytest.approx(1, abs=0.05)
    assert total_variation(np.array(one), target.shares) == pytest.approx(0.8)
    assert largest_ratio(np.array([0.5, 0.5, 0, 0, 0]), 10) == pytest.approx(5)
