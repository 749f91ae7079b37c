"""FeatureEncoder: names and text to vectors."""

import numpy as np
import pytest

import engram
from conftest import SMALL


def test_features_become_a_vector_of_length_one():
    encoder = engram.FeatureEncoder(64)
    vector = encoder.encode({"red": 1, "round": 0.5, "ünï": np.float32(2)})
    assert encoder.dim == 64 and vector.shape == (64,) and vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert not encoder.encode({}).any()
    assert encoder.encode({"red": 1, "round": 0.5, "ünï": 2}).tolist() == vector.tolist()


def test_texts_are_found_by_their_words(path):
    encoder = engram.FeatureEncoder(dim=512)
    texts = ["copy bytes between memory areas", "wait for a child process", "open a file for reading"]
    for text in texts:
        encoder.learn_words(text)
    with engram.create(path, dim=512, metric="cosine", **SMALL) as store:
        for text in texts:
            store.insert(encoder.encode_text(text), {"text": text})
        hit = store.search_hits(encoder.encode_text("a child of a process"), k=1,
                                include_metadata=True).hits[0]
    assert hit.metadata == {"text": texts[1]} and hit.distance < 0.7


def test_what_was_learnt_can_be_kept():
    encoder = engram.FeatureEncoder(32)
    for text in ("common word", "common thing", "common word again"):
        encoder.learn_words(text)
    saved = encoder.save_words()
    assert isinstance(saved, bytes)
    again = engram.FeatureEncoder.load(32, saved)
    assert again.encode_text("common word").tolist() == encoder.encode_text("common word").tolist()
    assert again.save_words() == saved
    assert engram.FeatureEncoder(32).encode_text("common word").tolist() != again.encode_text(
        "common word").tolist()


def test_bad_input_is_refused():
    for dim in (0, 10**6):
        with pytest.raises(engram.InvalidArgumentError):
            engram.FeatureEncoder(dim)
    encoder = engram.FeatureEncoder(8)
    with pytest.raises(engram.InvalidVectorError):
        encoder.encode({"a": float("nan")})
    for features in ({1: 1}, {"a": "b"}, ["a"]):
        with pytest.raises(TypeError):
            encoder.encode(features)
    with pytest.raises(TypeError, match="text is a int, expected a str"):
        encoder.encode_text(3)
    with pytest.raises(engram.InvalidArgumentError):
        engram.FeatureEncoder.load(8, b"no words")
