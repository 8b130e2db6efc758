"""Streams of one subject share what is built for it, until the last of them ends."""

from contextlib import ExitStack

from publisher.facade.shared_looks import SharedLooks


def test_streams_of_one_subject_share_until_the_last_one_ends() -> None:
    looks = SharedLooks[str, list[str]](lambda subject: [subject], key_of=str.lower)
    with looks.watch("A") as first:
        with ExitStack() as streams:
            assert streams.enter_context(looks.watch("a")) is first
            assert streams.enter_context(looks.watch("b")) == ["b"]
            assert looks.count == 2
        assert looks.count == 1
        with looks.watch("A") as again:
            assert again is first
    assert looks.count == 0
    with looks.watch("A") as new:
        assert new is not first
