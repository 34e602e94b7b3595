#!/usr/bin/env python3
"""Puts `touchstone serve` under twice the load that it can carry, for as long as wanted.

    scripts/serve-load.py --binary target/debug/touchstone --seconds 3600

Starts the server with the sample policy and Pebble on loopback, measures how many chat
completions a second it answers, and sends twice as many at fixed times, whether or not
answers have come. What it can carry changes where other programs share the machine, so it is
measured anew every minute from what was judged in that minute. Prints a line a minute and a
summary; status 1 where a request was neither answered (200) nor refused (429 with
Retry-After), where memory grew by more than 16 MiB after the first third, or where the server
did not end in good order. Standard library alone; Linux, for /proc.
"""
import argparse, asyncio, collections, json, os, pathlib, re, shutil, signal, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLOSED_LOOP = 24
PATIENCE_S = 120
GROWTH_MIB_MAX = 16


class Client:
    """HTTP/1.1 with connections that are kept, as clients of servers do."""

    def __init__(self, port):
        self.port, self.idle = port, []

    async def ask(self, content):
        body = json.dumps({"messages": [{"role": "user", "content": content}]}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        if self.idle:
            reader, writer = self.idle.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(head + body)
            await writer.drain()
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(answer.split(" ", 2)[1])
            length = int(re.search(r"content-length: *(\d+)", answer).group(1))
            document = json.loads(await reader.readexactly(length))
        except BaseException:
            writer.close()
            raise
        if "connection: close" in answer:
            writer.close()
        else:
            self.idle.append((reader, writer))
        told = isinstance(document.get("choices"), list) if status == 200 else (
            "retry-after:" in answer and isinstance(document.get("error"), dict))
        return status, told


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def at(values, share):
    return values[int((len(values) - 1) * share)] if values else float("nan")


async def load(port, pid, contents, seconds):
    client = Client(port)
    ends = collections.Counter()
    accepted, resident = [], []

    async def ask(number):
        started = time.monotonic()
        try:
            status, told = await asyncio.wait_for(client.ask(contents[number % len(contents)]), PATIENCE_S)
            kind = str(status) if told and status in (200, 429) else f"status {status}, not as promised"
        except Exception as error:  # whatever it was, the request had no answer
            kind = f"no answer: {type(error).__name__} {error}"[:120]
        ends[kind] += 1
        if kind == "200":
            accepted.append(time.monotonic() - started)

    warm_s = 20
    since, number, running = time.monotonic(), 0, set()
    while time.monotonic() - since < warm_s:
        while len(running) < CLOSED_LOOP:
            running.add(asyncio.create_task(ask(number)))
            number += 1
        _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait(running)
    capacity = ends["200"] / (time.monotonic() - since)
    first = capacity
    print(f"{capacity:.1f} a second with {CLOSED_LOOP} always under way", flush=True)

    ends.clear()
    accepted.clear()
    started = due = time.monotonic()
    sent, running, minute, before = 0, set(), started + 60, 0
    while (now := time.monotonic()) - started < seconds:
        if now < due:
            await asyncio.sleep(due - now)
        due += 0.5 / max(capacity, 0.5)
        task = asyncio.create_task(ask(number))
        running.add(task)
        task.add_done_callback(running.discard)
        sent, number = sent + 1, number + 1
        if time.monotonic() >= minute:
            capacity, before = (ends["200"] - before) / 60, ends["200"]
            minute += 60
            resident.append(resident_mib(pid))
            recent = sorted(accepted[-max(1, int(capacity * 60)):])
            print(
                f"{time.monotonic() - started:.0f} s: judged {capacity:.1f} a second, p50 {at(recent, 0.5):.2f} s, "
                f"p99 {at(recent, 0.99):.2f} s; {dict(ends)}, under way {len(running)}; resident {resident[-1]:.1f} MiB",
                flush=True,
            )
    if running:
        await asyncio.wait(running)
    resident.append(resident_mib(pid))
    accepted.sort()
    third = resident[: max(1, len(resident) // 3)]
    return {
        "seconds": seconds, "capacity_first": round(first, 1), "sent": sent, "ends": dict(ends),
        "accepted_s": {name: round(at(accepted, share), 2) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
        "resident_mib": {"first_third": round(max(third), 1), "after": round(max(resident), 1), "end": round(resident[-1], 1)},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=str(ROOT / "target/debug/touchstone"))
    parser.add_argument("--pebble", default=str(ROOT / "fixtures/pebble"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--queue", type=int, default=32)
    args = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        (work / "policies").mkdir()
        shutil.copy(ROOT / "policies/tobacco.md", work / "policies")
        lines = (ROOT / "fixtures/tobacco.jsonl").read_text(encoding="utf-8").splitlines()
        contents = [c for c in (json.loads(line)["content"] for line in lines if line.strip()) if isinstance(c, str)]
        server = subprocess.Popen(
            [args.binary, "serve", "--port", "0", "--json", "--policy", "tobacco", "--queue", str(args.queue), "--rate", "0"],
            cwd=work, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "TOUCHSTONE_PEBBLE": args.pebble},
        )
        try:
            port = int(json.loads(server.stdout.readline())["url"].rsplit(":", 1)[1])
            summary = asyncio.run(load(port, server.pid, contents, args.seconds))
        finally:
            server.send_signal(signal.SIGTERM)
        summary["exit"] = server.wait(timeout=PATIENCE_S)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(summary))
    unanswered = sum(count for kind, count in summary["ends"].items() if kind not in ("200", "429"))
    resident = summary["resident_mib"]
    good = (
        unanswered == 0 and sum(summary["ends"].values()) == summary["sent"] and summary["exit"] == 0
        and resident["after"] <= resident["first_third"] + GROWTH_MIB_MAX
    )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
