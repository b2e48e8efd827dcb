"""Starts children in every way and prints what they are: environment, path, flags, modules, descriptors."""

import os
import subprocess
import sys

import proof_witness

TELL = """
import os, sys
import proof_witness as w
print(sorted(w.environ(os.environ).items()), w.facts(dict(sys.modules))["path"])
print(sys.flags, len(os.listdir("/proc/self/fd")))
"""
PLAIN = "import sys; print(sorted(n for n in sys.modules if not n.startswith('meshrun')), sys.path)"


def told(name, *words, **options):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, **options)
    print(name, done.returncode, done.stdout, done.stderr)
    sys.stdout.flush()


def children():
    told("inherited", "-c", TELL)
    told("copied", "-c", TELL, env=dict(os.environ, MORE="1"))
    told("empty", "-c", PLAIN, env={})
    told("less", "-c", PLAIN, env={"PATH": os.environ["PATH"]})
    told("isolated", "-I", "-c", PLAIN)
    told("without environment", "-E", "-c", PLAIN)
    told("without site", "-S", "-c", "import sys; print([p for p in sys.path if not p.endswith('/sitecustomize')])")
    told("without user site", "-s", "-c", TELL)
    told("optimised", "-OO", "-c", TELL)
    told("development", "-X", "dev", "-W", "error", "-c", TELL)
    told("utf-8", "-X", "utf8", "-c", TELL)
    told("fails", "-c", "raise SystemExit(7)")
    print(subprocess.check_output(["env"], text=True).count("\n") > 3)
    with os.popen("echo popen") as said:  # closed: whether its end is waited for is chance otherwise
        print(subprocess.getoutput("echo shell"), os.system("exit 3"), said.read())
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "raise SystemExit(4)"], os.environ)
    print("spawned", os.waitpid(pid, 0)[1])


def forks():
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            proof_witness.look("child")
            os._exit(number)
        print("forked", os.waitpid(pid, 0)[1])
    pid = os.fork()
    if pid == 0:
        sys.exit("a child that ends as programs do")
    print("forked", os.waitpid(pid, 0)[1])
    reader, writer = os.pipe()
    if os.fork() == 0:  # a daemon: two forks, a session of its own, all descriptors closed
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, writer)
            os.closerange(writer + 1, 256)
            os.write(writer, repr(sorted(os.listdir("/proc/self/fd"))).encode())
            os._exit(0)
        os._exit(0)
    os.close(writer)
    print("daemon", os.fdopen(reader).read())
    os.wait()


def square(number):
    return number, number * number, os.environ.get("MORE")


def pools(method):
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context(method)
    pool = context.Pool(1)  # of several, chance says which one works
    print(sorted(pool.map(square, range(5))))
    pool.close()
    pool.join()
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        print(list(executor.map(square, range(5))))
        try:
            executor.submit(int, "x").result()
        except ValueError as error:
            print(repr(error), type(error.__cause__).__qualname__)
    queue = context.Queue()
    child = context.Process(target=put, args=(queue,), name="child")
    child.start()
    print(queue.get(), child.name)
    child.join()
    print(child.exitcode)
    child = context.Process(target=sys.exit, args=(9,))
    child.start()
    child.join()
    print(child.exitcode)


def put(queue):
    import signal

    proof_witness.look("child")
    queue.put([str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)])


if __name__ == "__main__":
    way, *more = sys.argv[1:]
    {"children": children, "forks": forks, "pools": pools}[way](*more)
