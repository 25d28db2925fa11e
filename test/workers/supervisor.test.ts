import { once } from "node:events";
import { connect } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import { pino } from "pino";
import { expect, test } from "vitest";
import { superviseWorkers } from "../../src/workers/supervisor.ts";

test("a worker that does not move is ended, what it was given is served by another, and the log says so", async () => {
  const lines: string[] = [];
  const ended: number[] = [];
  const supervisor = await superviseWorkers({
    workers: 1,
    entry: path.join(import.meta.dirname, "stuck-worker.ts"),
    environment: process.env,
    host: "127.0.0.1",
    port: 0,
    maxConnections: 10,
    logger: pino({ level: "error" }, { write: (line: string) => lines.push(line) }),
    answer: () => undefined,
    onEnded: ({ number }) => ended.push(number),
    patienceMs: 100,
  });
  try {
    const client = connect(supervisor.port, "127.0.0.1");
    await once(client, "connect");
    expect(await text(client)).toBe("worker 1");
    expect(ended).toEqual([1]);
    expect(lines.join("")).toContain("worker does not move any more; it is ended");
  } finally {
    await supervisor.close(0, 1_000);
  }
});
