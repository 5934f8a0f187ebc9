"""What assistive technology finds in a part of the page: unnamed controls, findings of axe-core."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import pytest
from playwright.sync_api import Locator
from surroundings import SLIDES

TREE_SECONDS = 5
AXE = SLIDES / "node_modules/axe-core/axe.min.js"
_MARK = "data-accessibility-test"
# An option is named by its text; a generic box is focusable when it scrolls (axe-core looks at those).
_NOT_CONTROLS = {"option", "generic"}
_ON_THE_PAGE = ", ".join(f"{e}:visible" for e in ("select", "input", "textarea", "button", "summary", "[role=slider]"))
_AXE_SEES = """nodes => {
    axe.setup();
    const seen = nodes.some(node => axe.commons.dom.isVisibleOnScreen(node));
    axe.teardown();
    return seen;
}"""


def controls(part: Locator) -> list[tuple[str, str]]:
    """(role, name) of each control inside `part` that the keyboard reaches, from Chromium's accessibility tree.

    The tree follows the page with a delay: wait until it holds every control that the page holds.
    """
    part.scroll_into_view_if_needed()
    present = part.locator(_ON_THE_PAGE).count()
    deadline = time.monotonic() + TREE_SECONDS
    while len(found := _in_the_tree(part)) < present:
        assert time.monotonic() < deadline, f"{present} controls on the page, a screen reader finds {found}"
        part.page.wait_for_timeout(100)
    return found


def _in_the_tree(part: Locator) -> list[tuple[str, str]]:
    session = part.page.context.new_cdp_session(part.page)
    part.evaluate(f"node => node.setAttribute('{_MARK}', '')")
    found = session.send("Runtime.evaluate", {"expression": f"document.querySelector('[{_MARK}]')"})
    nodes = session.send("Accessibility.queryAXTree", _object(found))["nodes"]
    part.evaluate(f"node => node.removeAttribute('{_MARK}')")
    session.detach()
    return [
        (node["role"]["value"], node["name"]["value"].strip())
        for node in nodes
        if not node["ignored"] and node["role"]["value"] not in _NOT_CONTROLS and _focusable(node)
    ]


def _focusable(node: dict) -> bool:
    return any(p["name"] == "focusable" and p["value"]["value"] for p in node.get("properties", []))


def live(part: Locator) -> list[tuple[str, int, str]]:
    """(how urgent, which element, text) of each region inside `part` whose changes a screen reader speaks.

    From Chromium's accessibility tree: a region may own what stands elsewhere on the page. The element is a number that
    stays the same as long as the element itself stays.
    """
    session = part.page.context.new_cdp_session(part.page)
    part.evaluate(f"node => node.setAttribute('{_MARK}', '')")
    found = session.send("Runtime.evaluate", {"expression": f"document.querySelector('[{_MARK}]')"})
    roots = session.send("Accessibility.queryAXTree", {**_object(found), "role": "status"})["nodes"]
    tree = {node["nodeId"]: node for node in session.send("Accessibility.getFullAXTree")["nodes"]}
    part.evaluate(f"node => node.removeAttribute('{_MARK}')")
    session.detach()
    return [
        (_property(root, "live"), root["backendDOMNodeId"], " ".join(_texts(root["nodeId"], tree))) for root in roots
    ]


def _object(found: dict) -> dict:
    return {"objectId": found["result"]["objectId"]}


def _property(node: dict, name: str) -> object:
    return next((p["value"].get("value") for p in node.get("properties", []) if p["name"] == name), None)


def _texts(node: str, tree: Mapping[str, dict]) -> Iterator[str]:
    """The text below a node, in the order in which it is read."""
    if tree[node]["role"]["value"] == "StaticText":
        yield tree[node]["name"]["value"].strip()
        return
    for child in tree[node].get("childIds", []):
        if child in tree:
            yield from _texts(child, tree)


def findings(parts: Locator, rules: Mapping[str, str] = {}, only: Sequence[str] = ()) -> list[str]:
    """Serious and critical findings of axe-core inside `parts`, each with the element that it is about.

    rules  rules that are not asked for, each with the reason
    only   the rules that are asked for, if not all
    """
    if not AXE.is_file():
        pytest.fail("axe-core is not installed: run `npm ci` in slides/ (`make slides` does)")
    parts.page.evaluate(AXE.read_text(encoding="utf-8"))
    # JupyterLab's body has no height; axe-core takes everything in it for hidden and would not look at colours.
    parts.page.evaluate("document.body.style.height = '100vh'")
    assert parts.evaluate_all(_AXE_SEES), "axe-core takes this part of the page for hidden: it would find nothing"
    report = parts.evaluate_all(
        """(nodes, [rules, only]) => axe.run({ include: nodes }, {
            resultTypes: ['violations'],
            ...(only.length ? { runOnly: only } : {}),
            rules: Object.fromEntries(rules.map(rule => [rule, { enabled: false }])),
        })""",
        [list(rules), list(only)],
    )
    parts.page.evaluate("document.body.style.height = ''")
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]}"
        for rule in report["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
