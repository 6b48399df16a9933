"""Times jobs done by etcdpki and by cfssl, as whole processes that take turns. Called by compare.sh."""
import argparse, atexit, functools, json, os, pathlib, platform, shutil, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The folder of all turns. Nothing in it is deleted before the end, because ext4 without a journal creates files more
# slowly for six minutes after others were deleted near by: a second run there has to wait so long.
TURNS = pathlib.Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, TURNS)


def installed(program):
    """A copy, as an installer makes it: what a linker has just written starts a tenth more slowly."""
    return shutil.copy(program, TURNS)


ETCDPKI = installed(os.environ["ETCDPKI"])
BASH = shutil.which("bash")
CFSSL, CFSSLJSON, OPENSSL = [installed(shutil.which(name)) for name in ("cfssl", "cfssljson", "openssl")]
os.environ["PATH"] = "%s:%s" % (TURNS, os.environ["PATH"])  # a script finds the same ones
GUIDE = ROOT / "fixtures/guides/3"
LEAVES = 1000


def spawn(args, stdin=None, stdout=None):
    """A process with its standard streams; what it says on standard error is not kept."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null if stdin is None else stdin, 0),
               (os.POSIX_SPAWN_DUP2, null if stdout is None else stdout, 1),
               (os.POSIX_SPAWN_DUP2, null, 2)]
    pid = os.posix_spawn(args[0], args, os.environ, file_actions=actions)
    os.close(null)
    return pid


PEAKS = None  # a file for the largest resident sets, while memory is measured


def run(*pipeline):
    """Runs a pipeline to its end."""
    pids, before = [], None
    for i, args in enumerate(pipeline):
        reader, writer = (os.pipe() if i + 1 < len(pipeline) else (None, None))
        pids.append(spawn([floor(), "--peak", PEAKS, *args] if PEAKS else args, before, writer))
        for fd in (before, writer):
            if fd is not None:
                os.close(fd)
        before = reader
    for pid, args in zip(pids, pipeline):
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            sys.exit("compare: failed: %s" % " ".join(args))


def cfssl(base, *args):
    run([CFSSL, *args], [CFSSLJSON, "-bare", base])


class Job:
    """What each side does in a fresh folder `there`, and how many times it is to be faster than cfssl."""
    def __init__(self, name, wanted, runs, ours, theirs, prepare=lambda there: None, against="cfssl", openssl=None):
        self.name, self.wanted, self.runs, self.against, self.prepare = name, wanted, runs, against, prepare
        self.sides = {"ours": ours, "theirs": theirs}
        if openssl:
            self.sides["openssl"] = openssl


@functools.cache
def ca():
    """A folder with a CA and what it is asked to sign. It is made once: a cfssl that runs just before a turn would
    leave the processor's caches filled for the next one."""
    there = pathlib.Path(tempfile.mkdtemp(dir=TURNS))
    (there / "ca-csr.json").write_text('{"CN": "bench CA"}')
    (there / "config.json").write_bytes((GUIDE / "etcd-ca-config.json").read_bytes())
    (there / "leaf.json").write_text('{"CN": "etcd1", "hosts": ["10.0.0.11", "127.0.0.1", "etcd1.example"]}')
    subprocess.run("%s gencert -loglevel 5 -initca ca-csr.json | %s -bare ca" % (CFSSL, CFSSLJSON), shell=True,
                   cwd=there, check=True)
    return there


def ca_files(there):
    shutil.copytree(ca(), there, dirs_exist_ok=True)


SIGN = ["-loglevel", "5", "-ca", "ca.pem", "-ca-key", "ca-key.pem", "-config", "config.json", "-profile", "etcd"]


def initca(size):
    def prepare(there):
        (there / "ca.json").write_text(json.dumps({"CN": "bench CA", "key": {"algo": "rsa", "size": size}}))
    args = ["gencert", "-loglevel", "5", "-initca", "ca.json"]
    openssl = [OPENSSL, "req", "-x509", "-newkey", "rsa:%d" % size, "-nodes", "-subj", "/CN=bench CA", "-days", "1825",
               "-keyout", "ca-key.pem", "-out", "ca.pem"]
    return (prepare, lambda there: run([ETCDPKI, args[0], "-bare", "ca", *args[1:]]), lambda there: cfssl("ca", *args),
            lambda there: run(openssl))


def guide(key):
    """The whole of guide 3, CA, server, member, client, and the new member's two: `cluster apply`, the guide's own
    commands, and of these only cfssl and cfssljson."""
    algo, size = key.split("-")

    def prepare(there):
        for source in [*GUIDE.rglob("*.json"), GUIDE / "pipeline.sh"]:
            target = there / source.relative_to(GUIDE)
            target.parent.mkdir(exist_ok=True)
            text = source.read_text()
            if "-csr.json" in source.name:
                text = json.dumps({**json.loads(text), "key": {"algo": algo, "size": int(size)}})
            target.write_text(text)
        # The guide makes five pairs beside the CA's; so does a cluster of two members and one client.
        (there / "cluster.yaml").write_text(
            "name: k8s\nlayout: single-ca\nkey: %s\nvalidity: {ca: 10y, leaf: 10y}\n"
            "subject: {C: CN, ST: ShangHai, L: ShangHai, O: ETCD}\nmembers:\n"
            "  - {name: etcd1, address: 192.168.10.80}\n  - {name: etcd4, address: 192.168.10.100}\n" % key)

    def processes(there):
        cfssl("ca", "gencert", "-loglevel", "5", "-initca", "etcd-ca-csr.json")
        sign = ["gencert", "-loglevel", "5", "-ca=ca.pem", "-ca-key=ca-key.pem", "-config=etcd-ca-config.json"]
        for base, profile, request in [("server", "etcd", "etcd-server-csr.json"), ("member", "etcd", "etcd-member-csr.json"),
                                       ("client", "client", "etcd-client-csr.json"),
                                       ("etcd4-server", "etcd", "etcd4/etcd-server-csr.json"),
                                       ("etcd4-peer", "etcd", "etcd4/etcd-member-csr.json")]:
            cfssl(base, *sign, "-profile=" + profile, request)

    ours = lambda there: run([ETCDPKI, "cluster", "apply", "-f", "cluster.yaml", "-o", "out"])
    return prepare, ours, lambda there: run([BASH, "pipeline.sh"]), processes


REQUESTS = ["requests/leaf%04d.json" % i for i in range(LEAVES)]


def many(there):
    ca_files(there)
    for folder in ("requests", "out"):
        (there / folder).mkdir()
    for i, path in enumerate(REQUESTS):
        request = {"CN": "leaf%04d" % i, "hosts": ["10.%d.%d.1" % (i // 250, i % 250)]}
        (there / path).write_text(json.dumps(request))


def many_ours(there):
    run([ETCDPKI, "gencert", *SIGN, "-into", "out", *REQUESTS])


def many_theirs(there):
    for request in REQUESTS:
        cfssl("out/" + pathlib.Path(request).stem, "gencert", *SIGN, request)


@functools.cache
def floor():
    """The bench program that makes keys, signs and writes bytes, and nothing else."""
    found = sorted((ROOT / "target/dist/deps").glob("floor-*"), key=os.path.getmtime)
    return installed([p for p in found if os.access(p, os.X_OK) and p.suffix == ""][-1])


def many_floor(there):
    run([floor(), "--leaves", str(LEAVES), "out"])


def hundred(there):
    members = "".join("  - {name: m%d, address: 10.0.%d.1}\n" % (i, i) for i in range(100))
    (there / "cluster.yaml").write_text("name: big\nlayout: single-ca\nmembers:\n" + members)
    ca_files(there)


def hundred_theirs(there):
    (there / "out").mkdir()
    cfssl("out/ca", "gencert", "-loglevel", "5", "-initca", "ca-csr.json")
    for i in range(201):
        cfssl("out/%d" % i, "gencert", *SIGN, "leaf.json")


CERTINFO = ["certinfo", "-cert", "ca.pem"]
JOBS = [
    Job("`gencert` P-256, to files", 6, 60,
        lambda there: run([ETCDPKI, "gencert", *SIGN, "-bare", "leaf", "leaf.json"]),
        lambda there: cfssl("leaf", "gencert", *SIGN, "leaf.json"), ca_files),
    Job("`gencert` P-256 into `json`", None, 60,
        lambda there: run([ETCDPKI, "gencert", *SIGN, "leaf.json"], [ETCDPKI, "json", "-bare", "leaf"]),
        lambda there: cfssl("leaf", "gencert", *SIGN, "leaf.json"), ca_files),
    Job("`certinfo`", 6, 60, lambda there: run([ETCDPKI, *CERTINFO]), lambda there: run([CFSSL, *CERTINFO]), ca_files,
        openssl=lambda there: run([OPENSSL, "x509", "-noout", "-text", "-in", "ca.pem"])),
    *[Job("`initca` RSA %d" % size, wanted, 40, ours, theirs, prepare, openssl=openssl)
      for size, wanted in ((2048, None), (4096, 1.3)) for prepare, ours, theirs, openssl in [initca(size)]],
    *[Job("guide 3, %s%s" % (key, what), wanted, 40, ours, theirs, prepare)
      for key, wanteds in (("ecdsa-256", (20, None)), ("rsa-2048", (1.8, None)))
      for prepare, ours, *sides in [guide(key)]
      for wanted, theirs, what in zip(wanteds, sides, (", against its commands", ", against cfssl and cfssljson alone"))],
    Job("100 members, 202 certificates", None, 3,
        lambda there: run([ETCDPKI, "cluster", "apply", "-f", "cluster.yaml", "-o", "big"]), hundred_theirs, hundred),
    Job("1,000 P-256 leaves", 60, 3, many_ours, many_theirs, many),
    Job("1,000 P-256 leaves, against keys, signatures and bytes alone", 1 / 1.5, 10, many_ours, many_floor, many,
        against="the floor"),
]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def once(job, side):
    """One turn in a fresh folder; returns the seconds that it took."""
    there = pathlib.Path(tempfile.mkdtemp(dir=TURNS))
    job.prepare(there)
    # What the turn before left to be written must not be paid for by this one.
    os.sync()
    os.chdir(there)
    begin = time.perf_counter()
    job.sides[side](there)
    took = time.perf_counter() - begin
    os.chdir(ROOT)
    return took


def peak(job, side):
    """The largest resident set of any process of the job, in MiB, from a turn of its own."""
    global PEAKS
    with tempfile.NamedTemporaryFile(mode="r") as peaks:
        PEAKS = peaks.name
        once(job, side)
        PEAKS = None
        return max(int(line) for line in peaks) / 1024


def measure(job, runs):
    times = {side: [] for side in job.sides}
    for turn in range(runs + 1):
        for side in list(times) if turn % 2 else reversed(times):
            took = once(job, side)
            if turn:  # the first turn warms up
                times[side].append(took)
    result = {"job": job.name, "against": job.against, "runs": runs, "wanted": job.wanted}
    for side, taken in times.items():
        result[side] = {"median_ms": statistics.median(taken) * 1e3, "p95_ms": percentile(taken, 0.95) * 1e3,
                        "peak_mib": peak(job, side)}
    result["ratio"] = result["theirs"]["median_ms"] / result["ours"]["median_ms"]
    return result


def table(results):
    lines = ["| job | runs | etcdpki: median, p95 (ms) | cfssl: median, p95 (ms) | times faster | wanted | "
             "peak memory (MiB) | openssl: median, p95 (ms) |", "|---|---|---|---|---|---|---|---|"]
    times = lambda side: "%.1f, %.1f" % (side["median_ms"], side["p95_ms"]) if side else ""
    for r in results:
        wanted = "" if r["wanted"] is None else "%.2g" % r["wanted"]
        lines.append("| %s | %d | %s | %s | **%.2f** | %s | %.0f against %.0f | %s |" % (
            r["job"], r["runs"], times(r["ours"]), times(r["theirs"]), r["ratio"], wanted, r["ours"]["peak_mib"],
            r["theirs"]["peak_mib"], times(r.get("openssl"))))
    return "\n".join(lines)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--quick", action="store_true", help="three runs of each job")
    arguments.add_argument("--only", default="", help="jobs whose name has this text")
    arguments.add_argument("--json", help="also write the figures to this file")
    options = arguments.parse_args()
    results = []
    for job in JOBS:
        if options.only in job.name:
            results.append(measure(job, min(job.runs, 3) if options.quick else job.runs))
            print("%-60s %8.2f times faster" % (job.name, results[-1]["ratio"]), file=sys.stderr)
    print(table(results))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    page = ROOT / "docs/performance.md"
    if not options.quick and not options.only and page.exists():
        begin, end = "<!-- figures: made by benches/compare.sh -->", "<!-- end of figures -->"
        head, _, rest = page.read_text().partition(begin)
        _, _, tail = rest.partition(end)
        version = subprocess.run([CFSSL, "version"], capture_output=True, text=True).stdout.split("\n")[1]
        about = "%d cores, %s, cfssl with %s, %s." % (os.cpu_count(), platform.system(), version.strip(),
                                                      time.strftime("%Y-%m-%d"))
        page.write_text("%s%s\n%s\n\n%s\n%s%s" % (head, begin, about, table(results), end, tail))


if __name__ == "__main__":
    main()
