"""Settings that name who is told: nothing in them can mean more than a program or an address."""

from __future__ import annotations

import pytest

from trustctl.errors import UsageError
from trustctl.facts.notification import command_words, parse_command, parse_mail_address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/usr/local/sbin/page-me", ("/usr/local/sbin/page-me",)),
        ("  /opt/page --team 'mail people'  ", ("/opt/page", "--team", "mail people")),
        ("'/opt/with space/page' \"it's\" b\\ c ''", ("/opt/with space/page", "it's", "b c", "")),
        ("/bin/echo $HOME `id` ; | > &", ("/bin/echo", "$HOME", "`id`", ";", "|", ">", "&")),
        ("/opt/page Grüße", ("/opt/page", "Grüße")),
    ],
)
def test_a_command_is_words_and_nothing_of_a_shell(text: str, words: tuple[str, ...]) -> None:
    """Quotes set words apart; variables, pipes and redirections are letters."""
    command = parse_command(text)
    assert command == text.strip()
    assert command_words(command) == words
    assert parse_command(command) == command


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("page-me", "absolute"),
        ("./page-me", "absolute"),
        ("~/page-me", "absolute"),
        ("'' /bin/page", "absolute"),
        ("/opt/page/", "absolute"),
        ("/opt/page 'unended", "no end"),
        ("/opt/page \\", "no end"),
        ("/opt/page a\nb", "control"),
        ("/opt/page \0", "control"),
        ("/opt/page \u202egpj", "control"),
        ("/opt/page \udcff", "control"),
        ("/" + "x" * 2000, "2000"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(text: str, complaint: str) -> None:
    """No relative path, no half of a quote, nothing that cannot be seen."""
    with pytest.raises(UsageError, match=complaint) as caught:
        parse_command(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("root", "root"),
        ("postmaster@foo.test", "postmaster@foo.test"),
        (" Ann.O'Neil+tls@Foo.TEST. ", "Ann.O'Neil+tls@foo.test"),
        ("ann@büro.test", "ann@xn--bro-hoa.test"),
        (f"{'a' * 64}@foo.test", f"{'a' * 64}@foo.test"),
    ],
)
def test_an_address_is_a_local_part_and_a_domain(text: str, address: str) -> None:
    """The domain as A-labels; the local part as it was typed, for it is its owner's."""
    assert parse_mail_address(text) == address
    assert parse_mail_address(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "ann@",
        "@foo.test",
        "-oMa@foo.test",
        "-t",
        "ann@foo",
        "ann@[192.0.2.1]",
        "ann@192.0.2.1",
        "ann@bob@foo.test",
        "ann foo.test",
        "ann@foo.test, bob@foo.test",
        "ann@foo.test\nBcc: eve@evil.test",
        "ann\r\nBcc: eve@evil.test",
        "Ann <ann@foo.test>",
        '"ann"@foo.test',
        "|/bin/sh@foo.test",
        "/etc/passwd",
        ":include:/etc/passwd",
        "ann%evil.test@foo.test",
        "evil.test!ann@foo.test",
        "${run{id}}@foo.test",
        ".ann@foo.test",
        "ann.@foo.test",
        "ann..b@foo.test",
        "änn@foo.test",
        f"{'a' * 65}@foo.test",
        "\u202eann@foo.test",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    """No second recipient, no header, no route, no pipe, no file, no option."""
    with pytest.raises(UsageError):
        parse_mail_address(text)
