"""`explore` in a real browser, by mouse and by keyboard; nothing leaves the machine."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="Starlette comes with FastAPI, in requirements-extra.txt")
pytest.importorskip("playwright", reason="Playwright is in requirements-extra.txt")
import uvicorn
from playwright.sync_api import Page, sync_playwright

from app.explore.corpus import opened
from app.explore.export import export
from app.explore.server import Explorer
from tests.explore_world import (
    EMOJI,
    HOSTILE,
    RATE_HZ,
    WITH_EMOJI,
    WORDS,
    make_project,
    planted_step,
    planted_word,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
ROW = 182


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over the planted project; an export of it is in the folder `out`."""
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_project()
        with opened("planted") as corpus:
            export(corpus, Path("out"), with_media=True)
            with socket.socket() as listening:
                listening.bind(("127.0.0.1", 0))
                application = Explorer(corpus).application(["127.0.0.1"])
                server = uvicorn.Server(uvicorn.Config(application, log_level="error"))
                thread = threading.Thread(target=server.run, args=([listening],))
                thread.start()
                while not server.started:
                    time.sleep(0.02)
                yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
                server.should_exit = True
                thread.join()


@pytest.fixture(scope="module")
def exported(address: str) -> Iterator[str]:
    """The export on a plain web server."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory="out")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    """A page that may say nothing on the console and ask nobody else."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    said: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.add(urlsplit(request.url).hostname or "data"))
    yield page
    context.close()
    assert said == [] and asked <= {"127.0.0.1", "data"}


def opened_at(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".space [data-row]")


def until(page: Page, expression: str) -> None:
    """Wait for something that Playwright cannot: the page allows no script but its own."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def count(page: Page) -> str:
    return page.inner_text("#count")


def bars(page: Page, track: str) -> list[dict[str, float]]:
    """Place and height of every bar of a row of the time line."""
    made: list[dict[str, float]] = page.eval_on_selector_all(
        f'svg[data-track="{track}"] rect',
        "all => all.map(r => ({x: r.x.baseVal.value, height: r.height.baseVal.value}))",
    )
    return made


def test_by_mouse(page: Page, address: str) -> None:
    opened_at(page, address)
    assert count(page) == "192 of 192 utterances"
    page.select_option("select[name=split]", "test")
    page.select_option("#choices select", "audio")
    assert count(page) == "24 of 192 utterances"
    page.fill("#search", f"u{ROW}")
    page.click(".space [data-row]")
    page.wait_for_selector('svg[data-track="audio"]')
    # The highest bar is at the planted moment.
    drawn = bars(page, "audio")
    highest = max(drawn, key=lambda bar: bar["height"])
    assert highest["x"] == pytest.approx(planted_step(ROW) / RATE_HZ, abs=1e-3)
    # It is 1 s long: pointing at that moment says its weight.
    box = page.locator('svg[data-track="audio"]').bounding_box()
    assert box is not None
    at = (planted_step(ROW) + 0.5) / RATE_HZ
    page.mouse.move(box["x"] + at * box["width"], box["y"] + box["height"] / 2)
    assert f"{planted_step(ROW) / RATE_HZ:.2f} to" in page.inner_text(".readout")
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    until(page, "document.querySelector('audio').currentTime > 0.45")
    # The words are those of another head, on which the planted one is the darkest.
    page.select_option("#choices select", "text")
    page.wait_for_selector("mark")
    weights = page.eval_on_selector_all("mark", "all => all.map(m => Number(m.dataset.weight))")
    assert WORDS[weights.index(max(weights))] == WORDS[planted_word(ROW)]
    page.select_option("#choices select", "main")
    shares = page.locator(".shares tr")
    assert page.inner_text(".shares tr.total th").startswith("probability of")
    numbers = [
        float(text.replace("−", "-").replace("+", "").replace("%", ""))
        for text in shares.locator("td:nth-child(2)").all_inner_texts()
    ]
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=0.25)


def test_by_keyboard(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=dialogue")
    page.keyboard.press("w")
    wrong = int(count(page).split()[0])
    assert 0 < wrong < 48
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_selector(".answers")
    chosen = page.inner_text('[aria-selected="true"] .id')
    until(page, f"document.querySelector('#detail h2').textContent === '{chosen}'")
    page.keyboard.press("Space")
    until(page, "document.querySelector('audio').currentTime > 0")
    # A weight is read on the row of the time line, step by step.
    page.focus('svg[data-track="audio"]')
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    said = page.get_attribute('svg[data-track="audio"]', "aria-valuetext")
    assert said is not None and said.startswith("0.02 to 0.04 s: weight 0.0")
    assert said in page.inner_text(".readout")
    page.keyboard.press("m")
    page.keyboard.press("j")
    until(page, f"document.querySelector('#detail h2').textContent !== '{chosen}'")
    # Both are of one set, or the page says why not.
    page.wait_for_selector(".swap .waterfall, .swap .fault")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type(chosen)
    assert count(page) == "1 of 192 utterances"
    page.keyboard.press("Escape")
    # The confusion matrix, a cell of it, and back.
    page.keyboard.press("2")
    page.wait_for_selector(".matrix button")
    cell = page.locator(".matrix button").last
    number = cell.inner_text().split()[0]
    cell.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#list >> visible=true")
    assert count(page).split()[0] == number
    page.go_back()
    page.wait_for_selector(".bin >> visible=true")
    bin_ = page.locator(".bin").first
    number = bin_.locator("small").inner_text()
    bin_.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#list >> visible=true")
    assert count(page).split()[0] == number
    page.keyboard.press("3")
    page.wait_for_selector(".store")
    page.click("text=missing: 1 missing")
    assert count(page) == "1 of 192 utterances" and "u191" in page.inner_text(".space")


def test_words_after_an_emoji_are_marked_whole(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=text&id=u{WITH_EMOJI}")
    page.wait_for_selector("mark")
    marks = page.locator("mark").all_inner_texts()
    assert marks == [EMOJI.strip(), *WORDS]
    weights = page.eval_on_selector_all("mark", "all => all.map(m => Number(m.dataset.weight))")
    assert marks[weights.index(max(weights))] == WORDS[planted_word(WITH_EMOJI)]
    assert f"Most weight: {WORDS[planted_word(WITH_EMOJI)]} " in page.inner_text(".most")
    # On the time line too, where words are spread by letters.
    page.focus('svg[data-track^="text"]')
    page.keyboard.press("End")
    assert f"“{WORDS[-1]}”" in page.inner_text(".readout")


def focused(page: Page) -> str:
    """What has the focus: its name, or its text."""
    element = "document.activeElement"
    said: str = page.evaluate(f"{element}.name || {element}.id || {element}.textContent.trim()")
    return said


def test_the_focus_stays_where_a_control_is_drawn_again(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=main&id=u{ROW}")
    page.wait_for_selector(".answers")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the utterances"
    page.keyboard.press("Enter")
    assert focused(page) == "list" and f"id=u{ROW}" in page.url
    page.focus("select[name=head]")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".chooser >> text=Attention of audio")
    assert focused(page) == "head"
    page.focus("select[name=seed]")
    page.keyboard.press("End")  # the last seed
    assert focused(page) == "seed" and page.input_value("select[name=seed]") == "1"
    page.focus("#detail .step button:last-child")
    page.keyboard.press("Enter")
    until(page, f"document.querySelector('#detail h2').textContent === 'u{ROW + 1}'")
    assert focused(page) == "j ↓"
    # A head of one seed has no second one.
    page.select_option("select[name=head]", "dialogue")
    page.wait_for_selector(".chooser >> text=Attention of dialogue")
    assert page.locator("select[name=seed]").count() == 0
    page.select_option("select[name=head]", "main")
    page.wait_for_selector("select[name=seed]")
    assert page.input_value("select[name=seed]") == "mean"
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("Escape")
    page.wait_for_selector("#list >> visible=true")
    page.keyboard.press("2")
    page.focus("#confusion select[name=split]")
    page.keyboard.press("ArrowDown")
    assert "dev" in page.inner_text("#confusion h2") and focused(page) == "split"


def test_an_utterance_outside_the_filters_stays_open(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=main&split=dev&id=u{ROW}")
    page.wait_for_selector(".answers")
    assert page.inner_text("#detail h2") == f"u{ROW}" and f"id=u{ROW}" in page.url


def test_filters_of_classes_do_not_apply_to_numbers(page: Page, address: str) -> None:
    wanted = "outcome=wrong&predicted=bad&truth=bad&from=0.9&to=0.95"
    opened_at(page, f"{address}#head=feeling&measure=valence&{wanted}")
    assert count(page) == "192 of 192 utterances"
    page.select_option("select[name=order]", "most")
    page.evaluate("location.hash = '#head=feeling&measure=valence'")
    until(page, "document.querySelector('select[name=order]').value === ''")


def test_a_bin_opens_the_utterances_that_it_counts(page: Page, address: str) -> None:
    page.goto(f"{address}#head=main&view=confusion&split=test")
    page.wait_for_selector(".bin >> visible=true")
    bins = page.locator(".bin")
    counted = 0
    for place in range(bins.count()):
        number = bins.nth(place).locator("small").inner_text()
        bins.nth(place).click()
        page.wait_for_selector("#list >> visible=true")
        assert count(page).split()[0] == number
        counted += int(number)
        page.go_back()
        page.wait_for_selector(".bin >> visible=true")
    assert counted == 23  # one of the 24 has no label


def test_where_the_video_cannot_be_played_the_audio_is(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=main&id=u183")
    page.wait_for_selector("text=This browser cannot play the video.")
    page.wait_for_selector(".answers")
    page.keyboard.press("Space")
    until(page, "document.querySelector('audio').currentTime > 0.1")
    until(page, "Number(document.querySelector('.playhead').style.getPropertyValue('--at')) > 0.1")
    # A clip goes on while what is below it is drawn again, and ends with its utterance.
    page.evaluate("window.clip = document.querySelector('audio')")
    page.evaluate("window.clip.currentTime = 0; window.clip.playbackRate = 0.07")
    page.evaluate("window.clip.play(); null")
    page.select_option("select[name=seed]", "1")
    assert not page.evaluate("window.clip.paused")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    until(page, "window.clip.paused")
    assert not page.evaluate("window.clip.ended")


def test_rows_that_are_passed_quickly_are_not_asked_for(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=main&split=test")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pressed = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))"
    page.evaluate(f"for (let n = 0; n < 12; n += 1) {pressed}; null")
    until(page, "document.querySelector('#detail h2')?.textContent === 'u179'")
    assert sum("/data/utterances/" in url for url in asked) <= 2
    assert page.inner_text('[aria-selected="true"] .id') == "u179"
    page.focus(".swap button")
    page.keyboard.press("Enter")
    assert page.inner_text(".swap button") == "Unmark it" and focused(page) == "mark"
    page.keyboard.press("k")
    page.wait_for_selector(".swap .waterfall")
    page.keyboard.press("/")
    page.keyboard.type("u17")
    assert sum("/data/swapped/" in url for url in asked) == 1


def test_a_slow_answer_that_is_not_waited_for_leaves_nothing_behind(
    page: Page, address: str
) -> None:
    opened_at(page, f"{address}#head=main&id=u{ROW}")
    page.wait_for_selector(".answers")
    page.evaluate(
        "const own = window.fetch; const slow = new Promise((go) => { window.go = go; });"
        "window.fetch = (address) => slow.then(() => own(address)); null"
    )
    page.keyboard.press("j")
    page.wait_for_selector("#detail[aria-busy=true]")
    page.select_option("select[name=seed]", "1")  # of the one before, which is still to be seen
    page.keyboard.press("Escape")
    page.evaluate("location.hash = '#head=main'")
    page.wait_for_selector("#detail:not([aria-busy]) >> text=Click an utterance")
    page.evaluate("window.go(); null")
    page.evaluate(f"location.hash = '#head=main&id=u{ROW + 1}'")
    until(page, f"document.querySelector('#detail h2')?.textContent === 'u{ROW + 1}'")
    assert page.input_value("select[name=seed]") == "1"


def test_an_id_that_is_not_there_leaves_the_list(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 480, "height": 900})
    opened_at(page, f"{address}#head=main&id=gone")
    assert page.locator("#list").is_visible()


def test_a_server_that_is_gone_is_said(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=main&id=u{ROW}")
    page.wait_for_selector(".answers")
    page.evaluate("window.fetch = () => Promise.reject(new TypeError('Failed to fetch')); null")
    page.keyboard.press("j")
    page.wait_for_selector("#detail .fault")
    assert "the server does not answer" in page.inner_text("#detail .fault")
    assert page.inner_text("#detail h2") == f"u{ROW + 1}" and page.locator("audio").count() == 0


def test_what_a_corpus_says_is_never_read_as_html(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=feeling&measure=sentiment&id=u180")
    page.wait_for_selector(".answers")
    assert HOSTILE in page.inner_text(".transcript") and HOSTILE in page.inner_text(".answers")
    page.keyboard.press("2")
    page.wait_for_selector(".matrix")
    assert HOSTILE in page.inner_text(".matrix") and page.locator("img").count() == 0


def test_the_address_brings_everything_back(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=audio&split=dev&outcome=right&id=u150&order=most")
    page.wait_for_selector(".answers")
    assert page.inner_text("#detail h2") == "u150"
    assert page.input_value("select[name=split]") == "dev"
    confidence = [float(text) for text in page.locator(".space .confidence").all_inner_texts()]
    assert confidence == sorted(confidence, reverse=True)


@pytest.mark.parametrize("width", [480, 1280])
def test_an_export_shows_the_same_on_any_web_server(
    browser: Any, page: Page, exported: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened_at(page, f"{exported}#head=main&split=test")
    assert count(page) == "24 of 192 utterances"
    page.click(".space [data-row]")
    page.wait_for_selector(".waterfall")
    page.keyboard.press("Space")
    until(page, "document.querySelector('audio').currentTime > 0")
    assert page.locator(".swap").count() == 0
    # Nothing is wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#utterances").is_visible() == (width > 992)


def test_a_reader_of_screens_is_told_what_is_shown(page: Page, address: str) -> None:
    opened_at(page, f"{address}#head=main&id=u182")
    page.wait_for_selector(".answers")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, svg[role], audio, section")]
        .filter((element) => !(element.ariaLabel || element.innerText || element.labels?.length
                               || element.getAttribute("aria-label"))
                             && element.offsetParent !== null)
        .map((element) => element.outerHTML.slice(0, 90))"""
    )
    assert nameless == []
    assert page.get_attribute("#list", "aria-rowcount") == "193"
    assert page.get_attribute("#list", "aria-activedescendant") == "row-182"
