import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Acceptor, type Receiver } from "../../src/workers/acceptor.ts";
import { crashesInRow, restartPauseMs } from "../../src/workers/restart-pause.ts";

/** Takes what it is given, one at a time. */
class Worker implements Receiver {
  free = true;
  readonly given: Socket[] = [];
  closed = 0;

  get connections(): number {
    return this.given.length - this.closed;
  }

  give(socket: Socket): void {
    this.free = false;
    this.given.push(socket);
  }
}

describe("whoever accepts connections", () => {
  let acceptor: Acceptor;
  let port: number;
  const clients: Socket[] = [];
  const workers = [new Worker(), new Worker(), new Worker()] as const;

  const start = async (options: { readonly maxConnections?: number; readonly longestWaitMs?: number } = {}) => {
    acceptor = new Acceptor({ maxConnections: 100, logger: pino({ level: "silent" }), ...options });
    port = await acceptor.listen(0, "127.0.0.1");
  };
  const dial = async (): Promise<Socket> => {
    const client = connect(port, "127.0.0.1");
    client.on("error", () => undefined);
    clients.push(client);
    await once(client, "connect");
    return client;
  };
  const taken = () => workers.map(({ given }) => given.length);

  beforeEach(() => {
    for (const worker of workers) Object.assign(worker, { free: true, closed: 0, given: [] });
  });
  afterEach(() => {
    acceptor.close();
    for (const socket of [...clients.splice(0), ...workers.flatMap(({ given }) => given)]) socket.destroy();
  });

  test("gives each to the worker that has the fewest, and where they have as many to the one whose turn it is", async () => {
    await start();
    for (const worker of workers) acceptor.join(worker);
    for (let i = 1; i <= 6; i++) {
      await dial();
      await expect.poll(() => taken().reduce((sum, count) => sum + count)).toBe(i);
      for (const worker of workers) worker.free = true;
    }
    expect(taken()).toEqual([2, 2, 2]);
    workers[1].closed = 2;
    for (let i = 7; i <= 8; i++) {
      await dial();
      await expect.poll(() => taken().reduce((sum, count) => sum + count)).toBe(i);
      for (const worker of workers) worker.free = true;
    }
    expect(taken()).toEqual([2, 4, 2]);
  });

  test("gives nothing more to a worker that has not taken the last one", async () => {
    await start();
    acceptor.join(workers[0]);
    acceptor.join(workers[1]);
    for (let i = 0; i < 3; i++) await dial();
    await expect.poll(taken).toEqual([1, 1, 0]);
    workers[1].free = true;
    acceptor.handOut();
    expect(taken()).toEqual([1, 2, 0]);
  });

  test("keeps a connection until there is a worker", async () => {
    await start();
    const client = await dial();
    client.write("first words");
    acceptor.join(workers[0]);
    await expect.poll(taken).toEqual([1, 0, 0]);
    const [words] = await once(workers[0].given[0]?.resume() as Socket, "data");
    expect(String(words)).toBe("first words");
  });

  test("closes one for which there is none in time", async () => {
    await start({ longestWaitMs: 50 });
    await once((await dial()).resume(), "close");
    acceptor.join(workers[0]);
    expect(taken()).toEqual([0, 0, 0]);
  });

  test("closes those beyond the limit, which counts those that wait", async () => {
    await start({ maxConnections: 2 });
    acceptor.join(workers[0]);
    await dial();
    await expect.poll(taken).toEqual([1, 0, 0]);
    await dial();
    await once((await dial()).resume(), "close");
    workers[0].free = true;
    acceptor.handOut();
    expect(taken()).toEqual([2, 0, 0]);
  });

  test("frees its port and closes what waits when it ends", async () => {
    await start();
    const closed = once((await dial()).resume(), "close");
    acceptor.close();
    await closed;
    const late = connect(port, "127.0.0.1");
    await expect(once(late, "connect")).rejects.toThrow();
  });

  test("says that a port is taken", async () => {
    await start();
    const other = new Acceptor({ maxConnections: 1, logger: pino({ level: "silent" }) });
    await expect(other.listen(port, "127.0.0.1")).rejects.toThrow(/EADDRINUSE/);
  });
});

test("a worker's place stays empty for longer each time it dies young, and for half a minute at most", () => {
  const pauses: number[] = [];
  for (let crashes = 0; pauses.length < 10; ) {
    crashes = crashesInRow(crashes, 1_000);
    pauses.push(restartPauseMs(crashes));
  }
  expect(pauses).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(restartPauseMs(crashesInRow(9, 60_000))).toBe(0);
});
