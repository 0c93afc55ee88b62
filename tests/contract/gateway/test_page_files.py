"""The page's files as a browser gets them."""

import re

import pytest

from tests.contract.gateway.conftest import SETTINGS, GatewayBench

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


async def test_every_file_that_the_page_names_is_there(bench: GatewayBench) -> None:
    document = await bench.http.get("/")
    assert document.status_code == 200
    assert document.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'data-max-bytes="{SETTINGS.image_max_bytes}"' in document.text
    waiting = set(re.findall(r'(?:src|href)="(/page/[^"]+)"', document.text))
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = await bench.http.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, TYPES[path.rpartition(".")[2]]), path
        waiting |= {f"/page/{name}" for name in re.findall(r'from "\./([^"]+)"', answer.text)} - seen
    assert len(seen) > 8


async def test_nothing_may_come_from_elsewhere(bench: GatewayBench) -> None:
    document = await bench.http.get("/")
    policy = document.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"https?://|\sstyle=|\son[a-z]+=", document.text) == []


@pytest.mark.parametrize("path", ["/", "/page/app.js"])
async def test_a_file_that_the_browser_has_is_not_sent_again(bench: GatewayBench, path: str) -> None:
    first = await bench.http.get(path)
    tag = first.headers["ETag"]
    for tags in (tag, f'"other", W/{tag}', "*"):
        again = await bench.http.get(path, headers={"If-None-Match": tags})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    changed = await bench.http.get(path, headers={"If-None-Match": '"other"'})
    assert (changed.status_code, changed.content) == (200, first.content)
    head = await bench.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(first.content))


async def test_only_the_page_is_served(bench: GatewayBench) -> None:
    for path in ("/page/__init__.py", "/page/index.html", "/page/../app.py", "/page/"):
        assert (await bench.http.get(path)).status_code == 404, path
    assert (await bench.http.post("/")).status_code == 405
