"""The rows of the glossary: term, Chinese term, meaning, chapters."""

import re

from house import CHAPTERS, ROOT

TEXT = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[(A?\d+)\]\(\.\./chapters/\w+\.ipynb\)")  # the links land: test_site.py
ROW = re.compile(r"\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([A\d, ]+) \|")
TABLES = [ROW.findall(LINK.sub(r"\1", part)) for part in TEXT.split("\n## ")[1:]]
ROWS = [row for table in TABLES for row in table]
NUMBERS = {path.stem[:2].lstrip("0").upper(): path for path in CHAPTERS}
