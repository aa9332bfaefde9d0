"""Bad tables are refused with the row, the column, the law and the remedy."""

import json

import numpy as np
import pytest

from orchestrator.errors import UserError
from orchestrator.laws.forms import LAWS
from orchestrator.laws.reading import apply_filter, read_table
from orchestrator.laws.table import prepare

LAW = LAWS["chinchilla"]


def good(count=30, seed=0):
    rng = np.random.default_rng(seed)
    size = np.exp(rng.uniform(np.log(5e7), np.log(1e10), count))
    tokens = np.exp(rng.uniform(np.log(1e9), np.log(5e11), count))
    loss = LAW.predict(np.array([1.8, 482.0, 2085.0, 0.348, 0.366]), (size, tokens))
    return {"N": size, "D": tokens, "L": loss}


def write(path, columns):
    names = list(columns)
    lines = [",".join(names)]
    lines += [",".join(str(columns[n][i]) for n in names) for i in range(len(columns[names[0]]))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def refusal(tmp_path, columns, law=LAW, **options):
    with pytest.raises(UserError) as caught:
        prepare(read_table(write(tmp_path / "runs.csv", columns)), law, **options)
    text = str(caught.value)
    assert "runs.csv" in text
    assert caught.value.remedy
    return text


def test_a_good_table_passes_in_every_format(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = good()
    csv = read_table(write(tmp_path / "runs.csv", columns))
    parquet.write_table(pyarrow.table(columns), tmp_path / "runs.parquet")
    lines = [json.dumps({k: v[i] for k, v in columns.items()}) for i in range(30)]
    (tmp_path / "runs.jsonl").write_text("\n".join(lines))
    for table in (
        csv,
        read_table(str(tmp_path / "runs.parquet")),
        read_table(str(tmp_path / "runs.jsonl")),
    ):
        data = prepare(table, LAW)
        np.testing.assert_allclose(data.target, columns["L"])
        assert data.warnings == ()


def test_an_experiment_is_read_through_the_given_reader():
    columns = good()
    records = [{k: v[i] for k, v in columns.items()} for i in range(30)]
    table = read_table(
        "mlflow:search", read_experiment=lambda name: records if name == "search" else []
    )
    assert len(prepare(table, LAW).target) == 30
    with pytest.raises(UserError, match="masga"):
        read_table("mlflow:search")


def test_missing_column(tmp_path):
    columns = good()
    columns["params"] = columns.pop("N")
    text = refusal(tmp_path, columns)
    assert "law chinchilla reads the columns N, D, L" in text
    assert "--columns N=YOUR_COLUMN" in text
    assert (
        prepare(read_table(write(tmp_path / "runs.csv", columns)), LAW, names={"N": "params"})
        .inputs[0]
        .size
        == 30
    )


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("N", 0.0, "above zero"),
        ("D", -3.0, "above zero"),
        ("L", float("nan"), "finite"),
        ("L", float("inf"), "finite"),
        ("L", "oops", "number"),
    ],
)
def test_bad_cells_are_named(tmp_path, column, value, said):
    columns = {k: list(v) for k, v in good().items()}
    columns[column][6] = value
    text = refusal(tmp_path, columns)
    assert "row 7" in text
    assert f"column {column}" in text
    assert said in text


def test_fewer_points_than_parameters(tmp_path):
    text = refusal(tmp_path, {k: v[:5] for k, v in good().items()})
    assert "5 parameters" in text
    assert "5 points" in text


def test_one_size_only(tmp_path):
    columns = good()
    columns["N"] = np.full(30, 1e9)
    assert "two different values of N" in refusal(tmp_path, columns)


def test_mixed_units_in_a_column(tmp_path):
    columns = good()
    columns["D"][:10] /= 1e9
    text = refusal(tmp_path, columns)
    assert "one unit" in text
    assert "rows" in text


def test_a_column_in_billions(tmp_path):
    columns = good()
    columns["D"] = columns["D"] / 1e9
    assert "--scale D=1e9" in refusal(tmp_path, columns)
    table = read_table(write(tmp_path / "runs.csv", columns))
    assert prepare(table, LAW, scales={"D": 1e9}).inputs[1].min() > 1e8


def test_collinear_design_is_refused_and_a_near_one_is_flagged(tmp_path):
    columns = good()
    columns["D"] = 20 * columns["N"]
    assert "vary independently" in refusal(tmp_path, columns)
    rng = np.random.default_rng(0)
    columns["D"] = 20 * columns["N"] * np.exp(0.05 * rng.standard_normal(30))
    data = prepare(read_table(write(tmp_path / "runs.csv", columns)), LAW)
    assert "hardly vary independently" in data.warnings[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("runs.csv", "N,D,L\n1,2\n", "cells"),
        ("runs.csv", "N,D,L\n", "at least one row"),
        ("runs.jsonl", '{"N": 1}\n{"N"\n', "line 2"),
        ("runs.jsonl", "[1]\n", "JSON object"),
        ("runs.txt", "N\n1\n", "ends in"),
        ("runs.parquet", "no", "Parquet"),
    ],
)
def test_unreadable_files(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=said):
        read_table(str(tmp_path / name))


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_table(str(tmp_path / "absent.csv"))
    (tmp_path / "latin.csv").write_bytes("N,D\n1,\xe9\n".encode("latin-1"))
    with pytest.raises(UserError, match="UTF-8"):
        read_table(str(tmp_path / "latin.csv"))


def test_filters_are_recorded(tmp_path):
    table = read_table(write(tmp_path / "runs.csv", good()))
    kept = apply_filter(table, "L < 3")
    assert len(kept) < 30
    assert "L < 3" in kept.filters[0]
    assert (kept.columns["L"] < 3).all()
    for wrong in ("L", "absent<3", "L<three", "L<0"):
        with pytest.raises(UserError):
            apply_filter(table, wrong)
