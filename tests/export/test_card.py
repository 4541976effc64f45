"""A card as others' programs see it: a scanner, a reader of PDFs, a mail."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests import certs
from tests.codes import scanned, scanned_lines, scanned_pdf
from tests.facts.test_card import LONG
from tests.tools import output, require
from trustctl.export import card, card_page
from trustctl.facts.card import Card
from trustctl.facts.words import to_words
from trustctl.intake.pem import split_certificates

DAY = 86400


@pytest.fixture(scope="module")
def made() -> certs.Made:
    """The certificate that the card is about."""
    return certs.self_signed("mx1.bar.test")


def _card(made: certs.Made, host: str = "mx1.bar.test", others: int = 1) -> Card:
    names = (host, *(f"mail{number}.bar.test" for number in range(others)))
    text = made.pem.decode()
    ends, now = 365 * DAY, 20 * 365 * DAY
    domains = ("bar.test",)
    return Card(host, names, 0, ends, made.fingerprint, made.spki, text, "bar", domains, now)


def test_the_code_is_read_off_text(made: certs.Made, tmp_path: Path) -> None:
    """Dark ink on light paper as it is meant, within 80 columns; and not another certificate's."""
    lines = card.half_blocks(card.matrix(_card(made)))
    assert {len(one) for one in lines} == {41}
    assert scanned_lines(lines, tmp_path) == f"SHA256:{made.fingerprint.upper()}"
    other = card.half_blocks(card.matrix(_card(certs.self_signed("mx2.bar.test"))))
    assert scanned_lines(other, tmp_path) != f"SHA256:{made.fingerprint.upper()}"


@pytest.mark.parametrize(("host", "others"), [("mx1.bar.test", 0), ("mx1.bar.test", 99), (LONG, 3)])
def test_pictures_hold_the_code_and_fit_one_page(
    made: certs.Made, tmp_path: Path, host: str, others: int
) -> None:
    """PNG and PDF, with short and long names, few and many; nothing is cut off at the right."""
    one = _card(made, host, others)
    picture, document = tmp_path / "card.png", tmp_path / "card.pdf"
    picture.write_bytes(card_page.png(one))
    document.write_bytes(card_page.pdf(one))
    assert scanned(picture) == scanned_pdf(document) == one.code
    assert max(one.y for one in card_page.layout(one, pem=True)) < card_page.HEIGHT - 10
    require("pdfinfo")
    assert "Pages:           1\n" in output("pdfinfo", str(document)).decode()
    for path in (picture, document.with_name("card.pdf.png")):
        with Image.open(path) as image:
            grey = image.convert("L")
            width, height = grey.size
            edge = grey.crop((width - width // 12, 0, width, height))
            assert edge.getextrema() == (255, 255), path
            assert grey.getextrema() == (0, 255)


def test_text_of_the_pdf_can_be_copied(made: certs.Made, tmp_path: Path) -> None:
    """Digits, words, and the certificate itself."""
    require("pdftotext")
    document = tmp_path / "card.pdf"
    document.write_bytes(card_page.pdf(_card(made)))
    said = output("pdftotext", "-raw", str(document), "-").decode()
    assert said.count("trustctl add mx1.bar.test.pem --peer bar --domain bar.test") == 1
    assert "".join(said.split()).count(made.fingerprint.upper()) == 1
    found = said.split()
    assert [found[found.index(str(n)) + 1] for n in range(11, 24)] == list(
        to_words(made.fingerprint)[10:23]
    )
    assert split_certificates(said.encode(), "card") == [made.der]


def test_a_certificate_that_is_too_long_for_the_page_is_left_out(made: certs.Made) -> None:
    """The page says where it is then."""
    long = replace(_card(made), pem="\n".join(["A" * 64] * 120))
    texts = [
        one.text for one in card_page.layout(long, pem=True) if isinstance(one, card_page.Text)
    ]
    assert "A" * 64 not in texts
    assert any("it comes as mx1.bar.test.pem" in one for one in texts)


def test_the_same_card_is_the_same_file(made: certs.Made) -> None:
    """Made at the same moment, it is the same to the byte."""
    one = _card(made)
    assert card_page.pdf(one) == card_page.pdf(one)
    assert card_page.png(one) == card_page.png(one)
    with Image.open(io.BytesIO(card_page.png(one))) as image:
        assert image.format == "PNG"
        assert image.info["dpi"][0] == pytest.approx(150, abs=0.1)


def test_text_for_a_mail(made: certs.Made, tmp_path: Path) -> None:
    """At most 80 columns, no space at a line's end, and all of it: certificate, code, digits."""
    lines = card.text(_card(made), 76).splitlines()
    assert all(len(one) <= 80 and one == one.rstrip() for one in lines)
    said = "\n".join(lines)
    assert split_certificates(said.encode(), "card") == [made.der]
    squeezed = "".join(said.split())
    assert made.fingerprint.upper() in squeezed
    shown = [one for one in lines if set(one) <= set(" \u2580\u2584\u2588") and one]
    assert scanned_lines(["", "", *shown, "", ""], tmp_path) == f"SHA256:{made.fingerprint.upper()}"
