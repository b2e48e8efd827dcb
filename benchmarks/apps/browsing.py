"""A page in Chromium that sends what `roller.py` sends, GET and POST in turn, and knows nothing of a mesh.

The page comes from a server of this program's own, and tells it what came of its calls when that is asked for.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PAGE = """<!doctype html><title>calls</title><script>
const calls = [], under_way = new Set();
async function one(base, number) {
  const began = Date.now() / 1000, from = performance.now();
  let error = "", said = "";
  try {
    const asked = number % 2 ? {method: "POST", body: "some body"} : {method: "GET"};
    const answer = await fetch(base + "/do/" + number, {...asked, cache: "no-store"});
    said = await answer.text();
    if (!answer.ok) throw new Error("status " + answer.status);
  } catch (caught) { error = String(caught); }
  calls.push([number, began, (performance.now() - from) / 1000, error, said]);
  if (calls.length == 1) fetch("/begun", {method: "POST"});
}
let number = 0, from = performance.now();
const timer = setInterval(() => {
  while (number < (performance.now() - from) / 1000 * RATE) {
    number += 1;
    const call = one(BASE, number);
    under_way.add(call);
    call.then(() => under_way.delete(call));
  }
}, 5);
fetch("/ended").then(async () => {
  clearInterval(timer);
  await Promise.all(under_way);
  await fetch("/calls", {method: "POST", body: JSON.stringify(calls)});
});
</script>"""


def browse(run, rate):
    """Let the page call the first of the bases until the run ends; its calls."""
    found, done = [], threading.Event()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/ended":
                run.ended.wait()
            page = PAGE.replace("RATE", str(rate)).replace("BASE", json.dumps(run.bases[0]))
            self.answer(page.encode() if self.path == "/" else b"")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.answer(b"")
            if self.path == "/begun":
                print("begun", flush=True)
            else:
                found.extend(json.loads(body))
                done.set()

        def answer(self, body):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    pages = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = subprocess.Popen(command(folder, "http://127.0.0.1:%d/" % pages.server_port), start_new_session=True)
        done.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
    return found


def command(folder, url):
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise SystemExit("there is no Chromium here")
    words = [program, "--headless=new", "--user-data-dir=" + folder, "--disable-gpu", "--disable-dev-shm-usage"]
    words += ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    words += ["--disable-web-security"]  # the page may read what another server answers
    if not os.geteuid():
        words.append("--no-sandbox")  # it does not start as root otherwise
    return [*words, url]
