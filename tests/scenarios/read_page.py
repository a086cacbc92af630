"""Reads a page as a browser without script would, by Python's own parser: standard input is HTML, standard output one JSON object with
what the page says about itself, its forms with what they would send, its links, and its texts by the element they stand in."""

import html.parser
import json
import sys

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open = []
        self.found = {"lang": None, "dir": None, "title": "", "headings": [], "status": "", "alert": "", "text": "",
                      "scripts": 0, "loads": 0, "forms": [], "links": [], "unclosed": []}

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.open.append((tag, given))
        if "src" in given or tag == "link" or "url(" in given.get("style", ""):
            self.found["loads"] += 1
        if tag == "html":
            self.found["lang"], self.found["dir"] = given.get("lang"), given.get("dir")
        elif tag == "script" or any(name.startswith("on") for name in given):
            self.found["scripts"] += 1
        elif tag in ("h1", "h2"):
            self.found["headings"].append("")
        elif tag == "form":
            self.found["forms"].append({"method": given.get("method"), "action": given.get("action"), "fields": [], "buttons": []})
        elif tag == "a":
            self.found["links"].append({"href": given.get("href"), "lang": given.get("hreflang"), "download": given.get("download"), "text": ""})
        elif tag == "input" and self.found["forms"]:
            kind = given.get("type", "text")
            sent = kind not in ("checkbox", "radio") or "checked" in given
            self.found["forms"][-1]["fields"].append({"name": given.get("name"), "value": given.get("value", ""), "kind": kind, "sent": sent})
        elif tag == "button" and self.found["forms"]:
            self.found["forms"][-1]["buttons"].append({"name": given.get("name"), "value": given.get("value", ""), "text": ""})

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.found["unclosed"].append(tag)
            return
        self.open.pop()

    def handle_data(self, text):
        found, tags = self.found, [tag for tag, _ in self.open]
        if "main" in tags:
            found["text"] += text
        if "title" in tags and "svg" not in tags:
            found["title"] += text
        if "h1" in tags or "h2" in tags:
            found["headings"][-1] += text
        if "a" in tags:
            found["links"][-1]["text"] += text
        if "button" in tags and found["forms"] and found["forms"][-1]["buttons"]:
            found["forms"][-1]["buttons"][-1]["text"] += text
        for role in ("status", "alert"):
            if any(given.get("role") == role for _, given in self.open):
                found[role] += text


page = Page()
page.feed(sys.stdin.read())
page.close()
page.found["unclosed"] += [tag for tag, _ in page.open]
json.dump(page.found, sys.stdout)
