"""Tests of trustctl.publish.configuration and trustctl.publish.saved: the files alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.publish.box import tree
from trustctl.errors import TargetError
from trustctl.publish import configuration

TEXTS = {
    "router": "trustctl:\n  driver = dnslookup\n",
    "transport": "trustctl_smtp:\n  driver = smtp\n",
}
TEMPLATE = """\
# a template
begin acl

begin routers

dnslookup:
  driver = dnslookup

begin transports

remote_smtp:
  driver = smtp
no newline at the end"""


def settle(folder: Path, configtype: str = "internet", split: str = "false") -> None:
    """Debian's settings."""
    (folder / "update-exim4.conf.conf").write_text(
        f"dc_eximconfig_configtype='{configtype}'\ndc_use_split_config='{split}'\n"
    )


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A folder such as /etc/exim4, with trustctl's data in it."""
    for one in ("conf.d/router", "conf.d/transport", "trustctl"):
        (tmp_path / one).mkdir(parents=True)
    template = tmp_path / "exim4.conf.template"
    template.write_text(TEMPLATE)
    template.chmod(0o604)
    (tmp_path / "conf.d/router/200_other").write_text("other:\n")
    settle(tmp_path)
    return tmp_path


def install(etc: Path) -> tuple[configuration.Saved, ...]:
    """As an export without --reload does."""
    return configuration.write(configuration.planned(configuration.site(etc), TEXTS), group=None)


def uninstall(etc: Path) -> tuple[configuration.Saved, ...]:
    """As uninstall does."""
    return configuration.write(configuration.planned(configuration.site(etc), None), group=None)


@pytest.mark.parametrize("split", ["true", "false"])
@pytest.mark.parametrize("configtype", ["internet", "smarthost", "satellite", "local", "none"])
def test_uninstall_leaves_every_byte_and_mode(etc: Path, configtype: str, split: str) -> None:
    """Whatever the layout, the folder is as it was before the installation."""
    settle(etc, configtype, split)
    before = tree(etc)
    assert install(etc)
    assert tree(etc) != before
    assert uninstall(etc)
    assert tree(etc) == before
    assert not uninstall(etc)


@pytest.mark.parametrize("split", ["true", "false"])
def test_a_second_installation_writes_nothing(etc: Path, split: str) -> None:
    """With nothing changed no file is written, not even the same again."""
    settle(etc, split=split)
    install(etc)
    before = {one: one.lstat().st_ino for one in etc.rglob("*")}
    assert install(etc) == ()
    assert {one: one.lstat().st_ino for one in etc.rglob("*")} == before


def test_unsplit_blocks_come_first_and_touch_nothing_else(etc: Path) -> None:
    """Our block follows the section's first line at once, and the template keeps its mode."""
    install(etc)
    text = (etc / "exim4.conf.template").read_text()
    assert text.index("begin routers\n# BEGIN trustctl router") < text.index("dnslookup:")
    assert "begin transports\n# BEGIN trustctl transport" in text
    assert (etc / "exim4.conf.template").stat().st_mode & 0o777 == 0o604
    assert not (etc / "conf.d/router/050_trustctl").exists()


def test_switching_the_layout_moves_ours(etc: Path) -> None:
    """After `dpkg-reconfigure` the next export puts the texts where they are read, only there."""
    install(etc)
    settle(etc, split="true")
    found = configuration.site(etc)
    assert configuration.unread(found) == [str(etc / "exim4.conf.template")]
    install(etc)
    assert (etc / "exim4.conf.template").read_text() == TEMPLATE
    assert (etc / "conf.d/router/050_trustctl").read_text().endswith(TEXTS["router"])
    settle(etc, split="false")
    assert len(configuration.unread(configuration.site(etc))) == 2
    install(etc)
    assert os.listdir(etc / "conf.d/router") == ["200_other"]
    assert "# BEGIN trustctl" in (etc / "exim4.conf.template").read_text()


def test_a_new_text_replaces_the_old_one(etc: Path) -> None:
    """A later version's texts take the place of the earlier ones, which are not taken for edits."""
    install(etc)
    newer = {name: text + "  # more\n" for name, text in TEXTS.items()}
    found = configuration.site(etc)
    assert configuration.edited(found) == []
    configuration.write(configuration.planned(found, newer), group=None)
    text = (etc / "exim4.conf.template").read_text()
    assert text.count("BEGIN trustctl") == 2
    assert text.count("# more\n") == 2


@pytest.mark.parametrize("split", ["true", "false"])
def test_an_edit_by_hand_is_noticed(etc: Path, split: str) -> None:
    """A changed line within ours is reported; one beside ours is nobody's business."""
    settle(etc, split=split)
    install(etc)
    ours = etc / ("conf.d/router/050_trustctl" if split == "true" else "exim4.conf.template")
    other = etc / ("conf.d/router/200_other" if split == "true" else "exim4.conf.template")
    other.write_text(other.read_text().replace("other:", "mine:"))
    assert configuration.edited(configuration.site(etc)) == []
    text = ours.read_text()
    ours.write_text(text.replace("trustctl:\n", "trustctl:\n  debug_print = x\n"))
    assert configuration.edited(configuration.site(etc)) == [str(ours)]


def test_somebody_elses_file_of_that_name_is_noticed(etc: Path) -> None:
    """A 050_trustctl that trustctl did not write counts as edited."""
    settle(etc, split="true")
    place = etc / "conf.d/router/050_trustctl"
    place.write_text("mine:\n  driver = accept\n")
    assert configuration.edited(configuration.site(etc)) == [str(place)]
    place.unlink()
    place.symlink_to("200_other")
    assert configuration.edited(configuration.site(etc)) == [str(place)]


def test_a_damaged_block_is_not_guessed_at(etc: Path) -> None:
    """Where a block has lost its end, nobody can say what is ours: nothing is written."""
    install(etc)
    template = etc / "exim4.conf.template"
    template.write_text(template.read_text().replace("# END trustctl router\n", ""))
    before = tree(etc)
    assert configuration.edited(configuration.site(etc)) == [str(template)]
    for change in (install, uninstall):
        with pytest.raises(TargetError, match="begins and ends"):
            change(etc)
    assert tree(etc) == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("begin routers\n", "", "no line 'begin routers'"),
        ("begin transports\n", "begin transports\nbegin transports\n", "more than one"),
    ],
)
def test_a_strange_template_is_refused(etc: Path, old: str, new: str, message: str) -> None:
    """Without exactly one place for ours nothing is written."""
    template = etc / "exim4.conf.template"
    template.write_text(TEMPLATE.replace(old, new))
    before = tree(etc)
    with pytest.raises(TargetError, match=message):
        install(etc)
    assert tree(etc) == before


def test_a_linked_template_is_refused(etc: Path) -> None:
    """A rename over a symbolic link would cut it; it is refused and both sides stay."""
    template = etc / "exim4.conf.template"
    template.rename(etc / "elsewhere")
    template.symlink_to("elsewhere")
    before = tree(etc)
    with pytest.raises(TargetError, match="symbolic link"):
        install(etc)
    assert tree(etc) == before


def test_a_failure_half_way_brings_back_what_was_there(etc: Path) -> None:
    """When the second of two files cannot be written, the first one is taken out again."""
    settle(etc, split="true")
    (etc / "conf.d/router").chmod(0o777)  # refused: everybody may write there
    before = tree(etc)
    with pytest.raises(TargetError, match="everybody may write"):
        install(etc)
    assert tree(etc) == before
    (etc / "conf.d/router").chmod(0o755)
    assert len(install(etc)) == 2


@pytest.mark.parametrize(
    ("configtype", "words"),
    [
        ("smarthost", "set up as smarthost"),
        ("satellite", "set up as satellite"),
        ("local", "local delivery only"),
        ("none", "is none, not internet"),
        ("in$(id)ternet", "not internet"),
        ("\x1b[2J", "something else, not internet"),
    ],
)
def test_where_it_cannot_be_effective_there_are_snippets(
    etc: Path, configtype: str, words: str
) -> None:
    """Exim's configuration stays as it is; the texts lie beside the data, with a README."""
    settle(etc, configtype)
    found = configuration.site(etc)
    assert found.obstacle is not None
    assert words in found.obstacle
    install(etc)
    assert (etc / "exim4.conf.template").read_text() == TEMPLATE
    assert sorted(os.listdir(etc / "trustctl/snippets")) == [
        "README", "router.conf", "transport.conf",
    ]  # fmt: skip
    settle(etc)
    install(etc)
    assert not (etc / "trustctl/snippets").exists()


def test_a_hand_written_configuration_is_left_alone(etc: Path) -> None:
    """With exim4.conf there, Exim reads nothing else: only snippets are written."""
    install(etc)
    (etc / "exim4.conf").write_text("begin routers\n")
    before = tree(etc)
    found = configuration.site(etc)
    assert found.layout == "handwritten"
    install(etc)
    assert {k: v for k, v in tree(etc).items() if "snippets" not in k} == before


def test_settings_that_do_more_than_assign_are_not_trusted(etc: Path) -> None:
    """Where only running the settings could tell the type, the configuration is not touched."""
    (etc / "update-exim4.conf.conf").write_text(
        "dc_eximconfig_configtype='internet'\nif true; then dc_eximconfig_configtype=local; fi\n"
    )
    found = configuration.site(etc)
    assert found.layout == "unknown"
    assert found.obstacle is not None
    assert "does more than assign" in found.obstacle


def test_ours_stay_when_the_type_changes(etc: Path) -> None:
    """A domain that is protected stays so when Exim becomes a smarthost's client."""
    install(etc)
    before = tree(etc)
    settle(etc, "smarthost")
    found = configuration.site(etc)
    assert found.present
    assert found.obstacle is None
    assert install(etc) == ()
    settle(etc)
    assert tree(etc) == before


def test_a_killed_runs_leavings_are_swept(etc: Path) -> None:
    """A half-written file of a process that is gone is removed; a living one's is not."""
    settle(etc, split="true")
    dead = etc / "conf.d/router/.trustctl-tmp-050_trustctl-999999999"
    living = etc / f"conf.d/router/.trustctl-tmp-050_other-{os.getppid()}"
    dead.touch()
    living.touch()
    install(etc)
    assert not dead.exists()
    assert living.exists()
