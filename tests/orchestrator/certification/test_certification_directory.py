"""Where certifications are kept: the same one goes on, another one gets a directory of its own."""

import pytest

from orchestrator.certification.directory import certificates, certifications, place_of
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import CertificationStarted
from orchestrator.report.making import subject_of
from orchestrator.report.sections import certificate as certificate_section


def start_of(plan, **search):
    return CertificationStarted(
        search={"name": "s", "digest": "d", **search}, plan=plan.to_json(), notes=(), environment={}
    )


@pytest.fixture
def tried(tmp_path, planned, rehearsal, formula):
    """Place a certification and rehearse it."""

    def make(*, stop_after=None, **options):
        plan, _ = planned(**options)
        place, events = place_of(tmp_path, start_of(plan))
        rehearsal(place / LOG_NAME, plan, answer=formula()).run(stop_after=stop_after)
        return place, events

    return make


def test_the_same_certification_goes_on_and_another_one_is_kept_apart(tried, tmp_path, planned):
    first, events = tried(replicates=2, stop_after=5)
    assert (first.name, events) == ("certificate-1", ())
    second, events = tried(replicates=3)
    assert (second.name, events) == ("certificate-2", ())
    again, events = tried(replicates=2)
    assert again == first
    assert events[0] == start_of(planned(replicates=2)[0])
    other, _ = place_of(tmp_path, start_of(planned(replicates=2)[0], digest="another winner"))
    assert other.name == "certificate-3"


def test_only_finished_ones_are_certificates_the_oldest_first(tried, tmp_path):
    tried(replicates=2, stop_after=5)
    for number in range(3, 13):
        (tmp_path / f"certificate-{number}").mkdir()
    tried(replicates=3)
    tried(replicates=4)
    found = certificates(tmp_path)
    assert [path.name for path, _ in found] == ["certificate-13", "certificate-14"]
    assert [c.plan.replicates for _, c in found] == [3, 4]
    assert [p.name for p in certifications(tmp_path)] == [
        "certificate-1",
        "certificate-13",
        "certificate-14",
    ]


def test_one_that_was_killed_before_its_first_line_goes_on(tmp_path, planned):
    place = tmp_path / "certificate-1"
    place.mkdir()
    (place / LOG_NAME).write_bytes(b'{"n":0,"event":"certification_sta')
    assert place_of(tmp_path, start_of(planned()[0])) == (place, ())


def test_the_report_shows_the_newest_certificate(tried, tmp_path, tale):
    with EventLog(tmp_path / LOG_NAME) as log:
        log.append(tale)
    assert certificate_section.section(subject_of(tmp_path, commands=frozenset())) is None
    tried(replicates=3)
    place, _ = tried(replicates=4)
    subject = subject_of(tmp_path, commands=frozenset())
    (_, newest) = certificates(tmp_path)[-1]
    assert certificate_section.section(subject) == certificate_section.certified(newest)
    log = place / LOG_NAME
    log.write_bytes(log.read_bytes().replace(b'"generation":0', b'"generation":9', 1))
    damaged = certificate_section.section(subject_of(tmp_path, commands=frozenset()))
    assert "A certificate cannot be read." in damaged.body
    assert "certificate-2" in damaged.body
