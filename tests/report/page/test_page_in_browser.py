"""The page in a real browser: it draws, sorts, copies, fits a phone and asks for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from plantnas.report.page.plots import PAGE_PLOTS
from plantnas.report.study_data import StudyData, study_data
from tests.browser import Opened, open_page
from tests.report.page.conftest import EVIL, page_of

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.conftest import StudyFolder

PLOTS = [plot.name for plot in PAGE_PLOTS]
TRACES = ".trace, .hm, .bars, .points path"
"""What plotly draws for data."""


@pytest.fixture(scope="module")
def real(finished: StudyFolder) -> StudyData:
    return study_data(finished.records)


@pytest.fixture(scope="module")
def evil(real: StudyData) -> StudyData:
    """The study with markup as its name and in those of its groups."""
    networks = [
        replace(network, widths=marked(network.widths), planted=marked(network.planted))
        for network in real.networks
    ]
    return real._replace(study=replace(real.study, name=EVIL), networks=networks)


def marked(widths: dict[str, int]) -> dict[str, int]:
    return {f"{EVIL}{group}": width for group, width in widths.items()}


@pytest.fixture(scope="module")
def files(
    real: StudyData, evil: StudyData, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The pages of both studies."""
    folder = tmp_path_factory.mktemp("pages")
    pages = {name: folder / f"{name}.html" for name in ("real", "evil")}
    for name, data in (("real", real), ("evil", evil)):
        pages[name].write_text(page_of(data))
    return pages


@pytest.fixture(scope="module", params=["real", "evil"])
def looked_at(
    browser: Browser, files: dict[str, Path], request: pytest.FixtureRequest
) -> Iterator[Opened]:
    """Each page, 1280 wide, for tests that change nothing of it."""
    opened = open_page(browser, files[request.param])
    yield opened
    opened.page.close()


@pytest.fixture(scope="module")
def page(browser: Browser, files: dict[str, Path]) -> Iterator[Page]:
    """The page with evil names; a test that uses it asks nothing of what others left there."""
    opened = open_page(browser, files["evil"])
    yield opened.page
    opened.page.close()


def column(page: Page, name: str) -> list[str]:
    """The cells of the table of networks below a heading."""
    headings = page.locator("#network-table thead th").all_inner_texts()
    place = [text.strip() for text in headings].index(name) + 1
    cells = page.locator(f"#network-table tbody tr > :nth-child({place})")
    return [text.strip() for text in cells.all_inner_texts()]


def heading(page: Page, name: str) -> Any:
    return page.locator("#network-table thead th").filter(has_text=name)


def sort(page: Page, name: str) -> list[float]:
    """The cells below a heading after a click on it."""
    heading(page, name).locator("button").click()
    return [float(cell) for cell in column(page, name)]


def pasted(page: Page) -> str:
    """What the clipboard holds, as another page would get it."""
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('textarea'), {id: 'paste'}))"
    )
    page.focus("#paste")
    page.keyboard.press("Control+V")
    text = page.input_value("#paste")
    page.evaluate("document.getElementById('paste').remove()")
    return text


def test_the_console_has_no_errors_and_no_warnings(looked_at: Opened) -> None:
    assert looked_at.errors == []


def test_nothing_is_asked_for_but_the_file(looked_at: Opened) -> None:
    assert looked_at.requests == [looked_at.page.url]


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_has_its_data(looked_at: Opened, name: str) -> None:
    figure = looked_at.page.locator(f"[data-figure=figure-{name}]")
    assert figure.locator("svg.main-svg").count() > 0
    assert figure.locator(TRACES).count() > 0


def test_names_are_shown_as_they_are(page: Page) -> None:
    assert page.inner_text("h1") == EVIL
    assert page.locator("main img").count() == 0


def test_the_pointer_on_a_point_shows_its_network(page: Page) -> None:
    point = page.locator("[data-figure=figure-pareto] .scatterlayer .trace path.point").last
    point.evaluate("point => point.scrollIntoView({block: 'center'})")
    point.hover(force=True)
    text = page.locator("[data-figure=figure-pareto] .hoverlayer .hovertext")
    text.wait_for()
    assert "parameters" in (text.text_content() or "")


def test_the_table_begins_sorted_by_parameters(looked_at: Opened) -> None:
    shown = [int(cell.replace(",", "")) for cell in column(looked_at.page, "parameters")]
    assert shown == sorted(shown)
    assert heading(looked_at.page, "parameters").get_attribute("aria-sort") == "ascending"


def test_a_click_on_a_heading_sorts_and_another_turns_it(page: Page) -> None:
    heading(page, "method").locator("button").click()
    rising = sort(page, "seconds")
    assert rising == sorted(rising)
    assert sort(page, "seconds") == rising[::-1]


def test_the_keyboard_sorts_too(page: Page) -> None:
    heading(page, "method").locator("button").click()
    heading(page, "validation %").locator("button").focus()
    page.keyboard.press("Enter")
    shown = [float(cell) for cell in column(page, "validation %")]
    assert shown == sorted(shown)


def test_the_sorted_column_is_announced_and_no_other(page: Page) -> None:
    heading(page, "seconds").locator("button").click()
    heading(page, "method").locator("button").click()
    sorts = page.locator("#network-table [aria-sort]").evaluate_all(
        "found => found.map(each => each.getAttribute('aria-sort'))"
    )
    assert sorts == ["none", "ascending", *["none"] * (len(sorts) - 2)]


def test_rows_without_a_value_are_last_in_both_directions(page: Page) -> None:
    for _ in range(2):
        heading(page, "step").locator("button").click()
        assert column(page, "step")[-1] == ""


def test_a_button_copies_the_command_of_its_network(page: Page) -> None:
    button = page.locator("#network-table .copy").first
    button.click()
    page.locator("#copied code").wait_for()
    command = button.get_attribute("data-command") or ""
    quoted = EVIL.replace("'", "'\"'\"'")
    assert command.startswith(f"plantnas export '{quoted}' --network-id ")
    assert pasted(page) == command


def test_a_command_is_copied_without_the_clipboard_of_pages(
    browser: Browser, files: dict[str, Path]
) -> None:
    script = "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
    page = open_page(browser, files["real"], script=script).page
    page.locator("#network-table .copy").last.click()
    command = page.locator("#network-table .copy").last.get_attribute("data-command")
    assert pasted(page) == command
    page.close()


def test_the_page_does_not_scroll_sideways(looked_at: Opened) -> None:
    assert looked_at.page.evaluate("document.documentElement.scrollWidth") == 1280


def test_a_page_on_a_phone_does_not_scroll_sideways(
    browser: Browser, files: dict[str, Path]
) -> None:
    page = open_page(browser, files["evil"], width=400).page
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.close()


def test_the_table_fits_a_wide_page(page: Page) -> None:
    box = page.locator(".wide:has(#network-table)")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")


def test_plots_follow_the_width_of_the_page(page: Page) -> None:
    page.set_viewport_size({"width": 500, "height": 900})
    assert become(page, "width <= 500")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert become(page, "width > 500")


def test_plots_are_as_wide_as_paper_in_a_print(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert become(page, "width === 680")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert become(page, "width > 680")


def become(page: Page, condition: str) -> bool:
    """Whether all plots are so wide within seconds; the page's policy forbids to wait by a text."""
    return page.evaluate(
        f"""async () => {{
            const boxes = [...document.querySelectorAll(".figure")];
            const isSo = () => boxes.every(({{_fullLayout: {{width}}}}) => {condition});
            for (let times = 0; times < 100 && !isSo(); times++) {{
                await new Promise((resume) => setTimeout(resume, 50));
            }}
            return isSo();
        }}"""
    )
