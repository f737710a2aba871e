"""`tocsin import --map`: files of other systems are recorded by the maps of the documentation."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from support.running import Run
from tocsin.cli.definition_files import InvalidDefinitions
from tocsin.cli.mapping.batches import mapped_batches
from tocsin.cli.mapping.import_map import read_map
from tocsin.cli.ndjson import LineBatch
from tocsin.errors import TocsinError

SAMPLES = Path(__file__).parent / "import_samples"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "import-and-export.md"
NAMES = """resourceType: T
resourceId: "{id}"
action: A
origin: O
"""
AT = "2026-03-20T14:30:00.000Z"
UUID = "018e5c7a-1b2c-7d3e-8f40-5a6b7c8d9e0f"

RECIPES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "PostHog export": (
        "posthog.ndjson",
        [
            {
                **{"resourceType": "PERSON", "resourceId": "ann", "userId": "ann"},
                **{"action": "_pageview", "origin": "POSTHOG", "interactionId": UUID},
                "timestamp": "2026-03-20T14:30:00.123Z",
                "interaction": {
                    **{"url": "https://shop.example/cart", "browser": "Firefox", "plan": "pro"}
                },
            },
            {"action": "order_placed", "interaction": {"plan": "pro", "amount": 12.5}},
        ],
    ),
    "Segment archive": (
        "segment.ndjson",
        [
            {
                **{"resourceId": "ann", "userId": "ann", "action": "Order_Completed"},
                **{"origin": "analytics.js", "timestamp": "2026-03-20T14:30:00.123Z"},
                "interaction": {"type": "track", "properties": {"total": 12.5}, "country": "ZA"},
            },
            {
                **{"resourceId": "a-2", "userId": None, "action": "page", "origin": "SEGMENT"},
                **{"timestamp": "2026-03-20T14:31:00.000Z"},
                "interaction": {"type": "page", "properties": {}},
            },
        ],
    ),
    "AWS CloudTrail": (
        "cloudtrail.json",
        [
            {
                **{"resourceId": "arn:aws:s3:::bucket/key", "action": "GetObject"},
                **{"origin": "s3.amazonaws.com", "timestamp": AT},
                "userId": "arn:aws:iam::123456789012:user/ann",
                "interaction": {
                    **{"region": "eu-central-1", "address": "192.0.2.1"},
                    **{"error": "AccessDenied", "readOnly": True},
                },
            },
            {"resourceId": "sts.amazonaws.com", "action": "AssumeRole", "userId": None},
        ],
    ),
    "nginx access log": (
        "access.log",
        [
            {
                **{"resourceId": "/cart", "action": "GET", "userId": "ann", "timestamp": AT},
                "interaction": {
                    **{"status": 200, "bytes": 512, "referer": "https://shop.example/"},
                    "agent": "Mozilla/5.0 (X11)",
                },
            },
            {
                **{"resourceId": "/orders", "action": "POST", "userId": None},
                "interaction": {"status": 503, "bytes": 0, "agent": "curl/8.5.0"},
            },
        ],
    ),
    "PostgreSQL COPY": (
        "orders.csv",
        [
            {
                **{"resourceId": "4711", "action": "placed", "userId": "ann"},
                **{"timestamp": "2026-03-20T14:30:00.120Z"},
                "interaction": {"total": 12.5, "paid": True},
            },
            {
                **{"resourceId": "4712", "action": "sent_back", "userId": None},
                **{"timestamp": "2026-03-20T14:31:00.000Z"},
                "interaction": {"total": 7, "paid": False},
            },
        ],
    ),
}


def map_of(heading: str, folder: Path) -> Path:
    """The map under a heading of the page, as a file."""
    section = PAGE.read_text("utf-8").split(f"### {heading}\n")[1].split("\n## ")[0]
    section = section.split("\n### ")[0]
    code = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    path = folder / "map.yaml"
    path.write_text("\n".join(code), "utf-8")
    return path


def mapped(folder: Path, text: str, content: bytes) -> LineBatch:
    path = folder / "map.yaml"
    path.write_text(text, "utf-8")
    (batch,) = mapped_batches("file", [content], read_map(path))
    return batch


def interactions(batch: LineBatch) -> list[Any]:
    return [json.loads(line) for line in batch.lines]


@pytest.mark.parametrize("heading", RECIPES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_recipe_of_the_page_records_its_sample_once(
    at_server: Run, server: Any, tmp_path: Path, heading: str, pack: Any
) -> None:
    sample, expected = RECIPES[heading]
    path = tmp_path / sample
    path.write_bytes(pack((SAMPLES / sample).read_bytes()))
    done = at_server("import", "--map", map_of(heading, tmp_path), path)
    assert done.stderr == ""
    counts = "0 accepted, 2 duplicates" if pack is not bytes else "2 accepted, 0 duplicates"
    assert done.stdout.startswith(counts), done.stdout
    with server.client() as client:
        resource_type = read_map(tmp_path / "map.yaml").resource_type.text({})
        parameters = {"resourceType": resource_type}
        answer = client.get("/api/interactions", params=parameters).json()["interactions"]
    recorded = sorted(answer, key=lambda interaction: interaction["timestamp"])
    for interaction, members in zip(recorded, expected, strict=True):
        assert {name: interaction[name] for name in members} == members


def test_every_recipe_of_the_page_is_tested() -> None:
    assert PAGE.read_text("utf-8").count("\n### ") == len(RECIPES)


def test_wrong_records_are_reported_with_their_lines(at_server: Run, tmp_path: Path) -> None:
    path, map_path, rejects = (tmp_path / name for name in ("a.csv", "map.yaml", "rejects"))
    types = 'format: csv\ntypes: {n: number}\ntimestamp: "{at}"\n'
    map_path.write_text(types + NAMES, "utf-8")
    rows = [f'"a\nb",1,{AT}', f"c,x,{AT}", "d,2,never", f",3,{AT}", "e,4", f"g,5,{AT}", f"h,6,{AT}"]
    path.write_bytes("\n".join(["id,n,at", *rows]).encode().replace(b"g,", b"g\xff,"))
    done = at_server("import", "--map", map_path, path, "--rejects", rejects)
    assert done.stdout.startswith("2 accepted, 0 duplicates, 5 rejected")
    rejected = [json.loads(text) for text in rejects.read_text().splitlines()]
    assert {each["line"]: each["errors"][0]["field"] for each in rejected} == {
        **{4: "n", 5: "timestamp", 6: "resourceId", 7: "", 8: ""}
    }
    again = at_server("import", "--map", map_path, path)
    assert again.stdout.startswith("0 accepted, 2 duplicates, 5 rejected")


def test_an_import_that_breaks_off_can_be_run_again(at_server: Run, tmp_path: Path) -> None:
    path, map_path = tmp_path / "orders.csv.gz", tmp_path / "map.yaml"
    map_path.write_text(f'format: csv\n{NAMES}timestamp: "{AT}"\n', "utf-8")
    content = b"id,n\n" + b"".join(b"broken-%d,%d\n" % (n, n) for n in range(6_000))
    path.write_bytes(gzip.compress(content)[:-20])
    broken = at_server("import", "--map", map_path, path)
    assert (broken.returncode, broken.stdout.split(" ")[0]) == (1, "5,000")
    path.write_bytes(gzip.compress(content))
    again = at_server("import", "--map", map_path, path)
    assert again.stdout.startswith("1,000 accepted, 5,000 duplicates, 0 rejected")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("format: xml", "line 1: format: must be 'csv', 'ndjson', 'json' or 'lines'"),
        ("format: csv\ncolour: red", "line 2: colour: "),
        ("format: csv\nuserId: '{id'", "line 2: userId: has a brace without its counterpart"),
        ("format: csv\nuserId: '{a|}'", "line 2: userId: has an empty name"),
        ("format: csv\nuserId: 7", "line 2: userId: must be text"),
        ("format: csv\npayload:\n  a: '{a}'\n  b: '}'", "line 4: payload.b: has a brace"),
        ("format: csv\npayload: all", "line 2: payload: must be record"),
        ("format: csv\ninteractionId: {keys: a}", "line 2: interactionId: must be the template"),
        ("format: csv\ntypes:\n  n: float", "line 3: types.n: "),
        ("format: lines", "pattern"),
        ("format: lines\npattern: '('", "line 2: pattern: is not a regular expression"),
        ("format: lines\npattern: 'a'", "line 2: pattern: must have named groups"),
        ("format: csv\na: [", "line 4"),
        ("format: lines\npattern: '(?P<a>.)'\ntypes: {b: json}", "no group of the pattern"),
    ],
)
def test_a_wrong_map_is_reported_with_its_line(tmp_path: Path, wrong: str, message: str) -> None:
    with pytest.raises(InvalidDefinitions) as raised:
        mapped(tmp_path, f'{wrong}\n{NAMES}timestamp: "{{at}}"\n', b"")
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "map.yaml"))


@pytest.mark.parametrize(
    ("timestamp", "value", "expected"),
    [
        ('"{at}"', "2026-03-20T15:30:00+01:00", AT),
        ('"{at}"', "2026-03-20 14:30:00+00", AT),
        ('{value: "{at}", format: unix}', 1774017000, AT),
        ('{value: "{at}", format: unix_ms}', "1774017000000", AT),
        (
            '{value: "{at}", format: "%d.%m.%Y %H:%M", timezone: Europe/Berlin}',
            "20.03.2026 15:30",
            AT,
        ),
        ('{value: "{at}", timezone: Europe/Berlin}', "2026-03-20 15:30:00", AT),
        ('{value: "{day}T{at}Z"}', "14:30:00", AT),
        ('"{at}"', "2026-03-20 14:30:00", None),
        ('{value: "{at}", format: unix}', "1e300", None),
        ('{value: "{at}", format: unix}', "nan", None),
    ],
)
def test_timestamps_of_every_format_are_read(
    tmp_path: Path, timestamp: str, value: Any, expected: str | None
) -> None:
    record = json.dumps({"id": 1, "at": value, "day": "2026-03-20"}).encode()
    batch = mapped(tmp_path, f"format: ndjson\n{NAMES}timestamp: {timestamp}", record)
    if expected is None:
        assert [number for number, _ in batch.wrong] == [1]
    else:
        assert interactions(batch)[0]["timestamp"] == expected


def test_templates_join_constants_and_fields(tmp_path: Path) -> None:
    text = f"""format: ndjson
{NAMES}timestamp: "{AT}"
userId: "{{{{{{a.b}}-{{list.1}}}}}}"
payload:
  dotted: "{{x.y}}"
  nested: "{{a}}"
  missing: "{{no.where}}"
  constant: "{{no|'none'}}"
  big: "{{big}}"
  encoded: "{{encoded.a.0}}"
  broken: "{{broken.a}}"
"""
    record = b'{"id":7,"a":{"b":true},"list":[1,{"c":2}],"x.y":"d","big":12345678901234567890123}'
    record = record[:-1] + rb',"encoded":"{\"a\":[1]}","broken":"{\"a\""}'
    (interaction,) = interactions(mapped(tmp_path, text, record))
    assert (interaction["resourceId"], interaction["userId"]) == ("7", '{true-{"c":2}}')
    assert interaction["interaction"] == {
        **{"dotted": "d", "nested": {"b": True}, "constant": "none"},
        **{"big": 12345678901234567890123, "encoded": 1},
    }


def test_ids_are_derived_from_the_key_or_from_the_content(tmp_path: Path) -> None:
    common = f'format: csv\ncolumns: [id, n]\ndelimiter: ";"\n{NAMES}timestamp: "{AT}"\n'
    rows = b"1;2\n1;2\n"
    first, second = interactions(mapped(tmp_path, common, rows))
    assert first["interactionId"] != second["interactionId"]
    assert [first, second] == interactions(mapped(tmp_path, common, rows))
    keyed = common + 'interactionId: {key: "k/{id}"}\n'
    ids = {each["interactionId"] for each in interactions(mapped(tmp_path, keyed, b"1;2\n1;3\n"))}
    assert len(ids) == 1
    batch = mapped(tmp_path, common + 'interactionId: "{key}"\n', rows)
    assert batch.wrong[0][1][0]["field"] == "interactionId"


def test_a_file_of_another_format_is_reported(tmp_path: Path) -> None:
    text = f'format: json\nrecords: a.b\n{NAMES}timestamp: "{AT}"\n'
    for content in (b"{", b'{"a":{}}', b'{"a":{"b":7}}'):
        with pytest.raises(TocsinError, match=r"^file "):
            mapped(tmp_path, text, content)
    batch = mapped(tmp_path, text, b'{"a":{"b":[{"id":1},2,{}]}}')
    assert (batch.numbers, [number for number, _ in batch.wrong]) == ([1], [2, 3])
    typed = f'format: csv\ntypes: {{n: number}}\n{NAMES}timestamp: "{AT}"\n'
    for header in (b"id,id,n\n", b"id,m\n"):
        with pytest.raises(TocsinError, match=r"^file has "):
            mapped(tmp_path, typed, header)
