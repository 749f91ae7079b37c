"""The log callback: called with the GIL, from any thread, and harmless whatever it does."""

from conftest import run_python

# Writing fails from some moment on, which the store has to tell somebody.
SETUP = """
import logging, resource, signal, sys, threading, time
import numpy as np
import engram
row = np.ones(4, np.float32)
heard, said = [], threading.Event()
def stop_writing():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
"""


def test_a_failed_closing_by_the_last_reference_is_told(path):
    run_python(SETUP + """
def log(level, text):
    heard.append((level, text, threading.current_thread()))
store = engram.create(sys.argv[1], dim=4, journal_bytes=1 << 18, background_threads=0, log=log,
                      durability="none")
store.insert(row)
stop_writing()
del store
level, text, thread = heard[-1]
assert level == logging.ERROR and "closing failed" in text, heard
assert thread is threading.main_thread()
""", path)


def test_a_thread_of_the_store_logs_and_may_not_call_back(path):
    run_python(SETUP + """
def log(level, text):
    errors = []
    for use in (lambda: store.search(row), lambda: store.close(), lambda: engram.open("nothing")):
        try:
            use()
        except engram.InvalidArgumentError as error:
            errors.append(str(error))
    heard.append((level, text, threading.current_thread(), errors))
    said.set()
store = engram.create(sys.argv[1], dim=4, journal_bytes=1 << 18, checkpoint_interval=1, log=log)
store.insert(row)
stop_writing()
assert said.wait(100), "nothing was logged"
level, text, thread, errors = heard[0]
assert level in (logging.WARNING, logging.ERROR) and text, heard
assert thread is not threading.main_thread()
assert len(errors) == 3 and all("the log callback must not" in e for e in errors), errors
try:
    store.close()
except engram.Error:
    pass
""", path)


def test_an_error_in_the_callback_is_shown_and_stays_there(path):
    run_python(SETUP + """
shown = []
sys.unraisablehook = lambda what: shown.append(what.exc_value)
def log(level, text):
    raise ZeroDivisionError(text)
store = engram.create(sys.argv[1], dim=4, journal_bytes=1 << 18, background_threads=0, log=log,
                      durability="none")
store.insert(row)
stop_writing()
del store
assert shown and isinstance(shown[0], ZeroDivisionError), shown
""", path)


def test_a_logger_fits(path):
    run_python(SETUP + """
class Handler(logging.Handler):
    def emit(self, record):
        heard.append(record)
logger = logging.getLogger("engram")
logger.addHandler(Handler())
logger.propagate = False
store = engram.create(sys.argv[1], dim=4, journal_bytes=1 << 18, background_threads=0,
                      log=logger.log, durability="none")
store.insert(row)
stop_writing()
del store
assert heard[-1].levelno == logging.ERROR and "closing failed" in heard[-1].getMessage()
""", path)
