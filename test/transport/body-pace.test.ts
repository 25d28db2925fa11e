import { once } from "node:events";
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { requestOf, runPath, startTestServer, type TestServer } from "./test-server.ts";

const bodyPace = { graceMs: 500, bytesPerSecond: 500, everyMs: 20 };

async function begin(server: TestServer, contentType: string, length: number): Promise<net.Socket> {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => undefined); // being hung up on is an answer
  await once(socket, "connect");
  socket.write(
    `POST ${runPath} HTTP/1.1\r\nhost: a\r\ncontent-type: ${contentType}\r\ncontent-length: ${length}\r\n\r\n`,
  );
  return socket;
}

describe("the body of a request over HTTP/1.1", () => {
  test.each(["application/json", "application/proto"])("that drips is hung up on: %s", async (contentType) => {
    const server = await startTestServer({ listen: { bodyPace } });
    const socket = await begin(server, contentType, 9_999);
    const dripping = setInterval(() => socket.write(" "), 20);
    const [answer] = (await once(socket, "data")) as [Buffer];
    await once(socket, "close");
    clearInterval(dripping);
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 .*"code":"deadline_exceeded"/s);
    await server.close(0);
  });

  test("may take its time as long as it moves, and the next one has as much", async () => {
    const server = await startTestServer({ listen: { bodyPace } });
    const body = Buffer.from(JSON.stringify(requestOf("x".repeat(3_000))));
    const socket = await begin(server, "application/json", body.length);
    const begun = performance.now();
    for (let at = 0; at < body.length; at += 100) {
      socket.write(body.subarray(at, at + 100));
      await wait(25);
    }
    expect(performance.now() - begun).toBeGreaterThan(bodyPace.graceMs);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
    await server.close(0);
  });
});
