"""`cohort inspect --html`: one page that needs nothing else, whole for a parser, a reader of tables and a browser."""
import html.parser
import json
import os
import shutil
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["COHORT_PROGRAM"]
VOID = {"meta", "input", "br", "link", "img"}


class Page(html.parser.HTMLParser):
    """Checks that tags nest, and collects what the tests look at."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.text = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.links += [attributes[key] for key in ("href", "src") if key in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


class InspectPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cohort-page-")
        cls.data, cls.file = os.path.join(cls.folder, "data"), os.path.join(cls.folder, "page.html")
        subprocess.run([PROGRAM, "synth", "credit", "--out", cls.data, "--rows", "5000", "--seed", "3", "--quiet"], check=True)
        done = subprocess.run([PROGRAM, "inspect", cls.data, "--html", cls.file, "--json"], check=True, capture_output=True, text=True)
        cls.report = json.loads(done.stdout)
        with open(cls.file, encoding="utf-8") as file:
            cls.source = file.read()
        cls.page = Page(cls.source)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def test_it_nests_and_needs_no_other_file(self):
        self.assertEqual(len(self.page.ids), len(set(self.page.ids)))
        for link in self.page.links:
            self.assertTrue(link.startswith("#") and link[1:] in self.page.ids, link)
        self.assertFalse({"script", "link", "img", "iframe"} & {tag for tag, _ in self.page.tags})
        self.assertNotIn("url(", self.source)
        self.assertNotIn("http", self.source.replace("http-equiv", ""))

    def test_every_chart_has_a_name_and_its_figures_as_a_table(self):
        charts = [attributes for tag, attributes in self.page.tags if tag == "svg" and attributes.get("role") == "img"]
        self.assertGreaterEqual(len(charts), 20)
        self.assertTrue(all(chart["aria-label"] for chart in charts))
        self.assertEqual(sum(tag == "details" for tag, _ in self.page.tags), len(charts))
        self.assertEqual(sum(tag == "table" for tag, _ in self.page.tags), sum(tag == "caption" for tag, _ in self.page.tags))
        self.assertIn(("html", {"lang": "en"}), self.page.tags)

    def test_the_json_has_the_numbers_that_are_drawn(self):
        columns = {column["name"]: column for column in self.report["columns"]}
        for column in columns.values():
            for histogram in column.get("histograms", []):
                self.assertEqual(len(histogram["edges"]), len(histogram["rows"]) + 1)
                self.assertEqual(sum(histogram["rows"]) + histogram["below"] + histogram["above"], 5000 - column["missing"], column["name"])
        self.assertEqual([histogram["scale"] for histogram in columns["income"]["histograms"]], ["linear", "log"])
        self.assertEqual(columns["applied_at"]["histograms"][0]["period"], "month")
        branch = columns["branch"]
        self.assertEqual(sum(bar["rows"] for bar in branch["bars"]) + branch["rest"]["rows"] + branch["missing"], 5000)
        hits = sum(bar["labelled"] * bar["label_rates"][0] for bar in branch["bars"] + [branch["rest"]])
        self.assertAlmostEqual(hits, 5000 * self.report["label"]["label_rates"][0], places=6)
        self.assertEqual(sum(file["rows"] for file in self.report["files"]), 5000)

    def test_it_is_the_same_each_time_and_mistakes_write_nothing(self):
        again = os.path.join(self.folder, "again.html")
        subprocess.run([PROGRAM, "inspect", self.data, "--html", again], check=True, capture_output=True)
        with open(again, encoding="utf-8") as file:
            self.assertEqual(file.read(), self.source)
        none = os.path.join(self.folder, "none.html")
        done = subprocess.run([PROGRAM, "inspect", self.data, "--html", none, "--label", "income"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("not label", done.stderr)
        self.assertFalse(os.path.exists(none))

    def test_a_browser_draws_it(self):
        browser = shutil.which("chromium") or shutil.which("google-chrome")
        if browser is None:
            self.skipTest("needs chromium")
        profile = os.path.join(self.folder, "profile")
        done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom", "file://" + self.file],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        for tag in ("<svg", "<section", "<table", "<details"):
            self.assertEqual(done.stdout.count(tag), self.source.count(tag), tag)


if __name__ == "__main__":
    unittest.main()
