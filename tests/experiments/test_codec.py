"""A request survives the way into a link and back; what cannot be read is named."""

import itertools
from dataclasses import replace

import pytest

from gmviz.experiments import codec, divergences
from gmviz.experiments.presets import COMB
from gmviz.knobs import Knob, controls_of

DEFAULT = divergences.Request()


def neighbours(request):
    """The request with each field, one at a time, at other values that its control admits."""
    for each, control in controls_of(request):
        present = getattr(request, each.name)
        ends = (1 / 3, 0.1 + 0.2, control.minimum, control.maximum) if isinstance(control, Knob) else ()
        for value in getattr(control, "options", ends):
            changed = {each.name: value}
            if each.name == "pair":
                changed["moves"] = divergences.WIDTH
            if control.admits(value) and value != present:
                yield replace(request, **changed)


def test_every_request_reads_back_to_itself():
    for request in neighbours(DEFAULT):
        assert codec.decode(divergences.Request, codec.encode(request)) == request


def test_keys_of_different_requests_differ():
    keys = [
        codec.key(divergences.run, request) for request in itertools.chain([DEFAULT], neighbours(DEFAULT))
    ]
    assert len(set(keys)) == len(keys)
    assert codec.key(divergences.starts, DEFAULT) != codec.key(divergences.run, DEFAULT)


def test_fields_left_out_keep_their_defaults():
    assert codec.decode(divergences.Request, {"moves": "width", "pair": "comb"}) == replace(
        DEFAULT, moves=divergences.WIDTH, pair=COMB
    )


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"width": "many"}, "width must be a number from 0.4 to 2.5, got 'many'"),
        ({"width": "inf"}, "width must be a number from 0.4 to 2.5, got 'inf'"),
        ({"width": "9"}, "width must be a number from 0.4 to 2.5, got '9'"),
        ({"pair": "cats"}, "pair must be one of far, comb, blobs, cigar, got 'cats'"),
        ({"breadth": "1"}, "a field must be one of pair, moves"),
        ({"pair": "comb", "moves": "weight_q"}, "moves must be one of separation, width, rotation, noise"),
    ],
)
def test_what_cannot_be_read_is_named(texts, words):
    with pytest.raises(ValueError, match="must be") as caught:
        codec.decode(divergences.Request, texts)
    assert str(caught.value).startswith(words)
