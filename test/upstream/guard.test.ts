import { once } from "node:events";
import type { LookupFunction } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import type { Upstream } from "../../src/core/upstream.ts";
import { createFetch } from "../../src/upstream/fetch.ts";
import { administratorsGuard, createGuard, type Guard, type Reach } from "../../src/upstream/guard.ts";
import { allowedAddresses } from "../../src/upstream/guard-allowed.ts";
import { type AddressRange, rangeOf } from "../../src/upstream/guard-ranges.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";
import { startVendor, type VendorServer } from "../support/vendor-server.ts";

const never = new AbortController().signal;
const refused = { code: "permission_denied", reason: "permission_denied" };
const publicGuard = createGuard({ reach: () => "public" });

let vendor: VendorServer;
beforeAll(async () => {
  vendor = await startVendor({ body: ["{}"] });
});
afterAll(() => vendor[Symbol.asyncDispose]());

describe("the range of an address", () => {
  const ranges: readonly (readonly [address: string, range: AddressRange])[] = [
    ["93.184.216.34", "public"],
    ["172.32.0.0", "public"],
    ["100.63.255.255", "public"],
    ["2606:2800:220:1::1", "public"],
    ["::ffff:93.184.216.34", "public"],
    ["64:ff9b::5db8:d822", "public"],
    ["10.1.2.3", "private"],
    ["100.64.0.1", "private"],
    ["127.0.0.1", "private"],
    ["127.255.255.254", "private"],
    ["172.16.0.0", "private"],
    ["172.31.255.255", "private"],
    ["192.168.0.1", "private"],
    ["198.19.255.255", "private"],
    ["203.0.113.7", "private"],
    ["::1", "private"],
    ["fc00::1", "private"],
    ["fd00::1", "private"],
    ["fec0::1", "private"],
    ["2001:db8::1", "private"],
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "private"],
    ["2002:5db8:d822::1", "private"],
    ["2002:7f00:1::", "private"],
    ["4000::1", "private"],
    ["::ffff:192.168.1.1", "private"],
    ["::ffff:7f00:1", "private"],
    ["::127.0.0.1", "private"],
    ["::ffff:0:10.0.0.1", "private"],
    ["64:ff9b::7f00:1", "private"],
    ["64:ff9b:1::5db8:d822", "private"],
    ["0.0.0.0", "forbidden"],
    ["0.1.2.3", "forbidden"],
    ["100.100.100.200", "forbidden"],
    ["168.63.129.16", "forbidden"],
    ["169.254.169.254", "forbidden"],
    ["169.254.0.1", "forbidden"],
    ["192.0.0.192", "forbidden"],
    ["224.0.0.1", "forbidden"],
    ["239.255.255.255", "forbidden"],
    ["240.0.0.1", "forbidden"],
    ["255.255.255.255", "forbidden"],
    ["::", "forbidden"],
    ["fd00:ec2::254", "forbidden"],
    ["fd20:ce::254", "forbidden"],
    ["fe80::1", "forbidden"],
    ["fe80::1%eth0", "forbidden"],
    ["febf::1", "forbidden"],
    ["ff02::1", "forbidden"],
    ["::ffff:169.254.169.254", "forbidden"],
    ["::ffff:a9fe:a9fe", "forbidden"],
    ["::ffff:0.0.0.0", "forbidden"],
    ["::169.254.169.254", "forbidden"],
    ["::ffff:0:169.254.169.254", "forbidden"],
    ["64:ff9b::a9fe:a9fe", "forbidden"],
    ["64:ff9b::100.100.100.200", "forbidden"],
    ["64:ff9b:1::a9fe:a9fe", "forbidden"],
    ["2002:a9fe:a9fe::1", "forbidden"],
    ["localhost", "forbidden"],
    ["", "forbidden"],
  ];
  test.each(ranges)("%s is %s", (address, range) => expect(rangeOf(address)).toBe(range));
});

/** Every way a connection is opened; each resolves when there was an answer. */
const doors: readonly (readonly [name: string, open: (url: string, guard: Guard) => Promise<unknown>])[] = [
  ["a request", (url, guard) => withUpstream(guard, (upstream) => upstream.json({ url, explain }, never))],
  ["a stream", (url, guard) => withUpstream(guard, (upstream) => upstream.events({ url, explain }, never))],
  [
    "a WebSocket",
    (url, guard) =>
      withUpstream(guard, (upstream) => upstream.socket({ url: url.replace(/^http/, "ws"), explain }, never)),
  ],
  ["a fetch", fetchThrough],
];

const explain = (body: string) => ({ message: body });

async function withUpstream(guard: Guard, use: (upstream: Upstream) => Promise<unknown>): Promise<unknown> {
  const upstream = createUpstream({ connectTimeoutMs: 2_000, secrets: [], guard });
  try {
    return await use(upstream);
  } finally {
    await upstream.close();
  }
}

async function fetchThrough(url: string, guard: Guard): Promise<unknown> {
  const pool = createFetch({ connectTimeoutMs: 2_000, maxBodyBytes: 1_000, guard });
  try {
    return await (await pool.fetch(url)).text();
  } finally {
    await pool.close();
  }
}

describe.each(doors)("%s of a caller", (_, open) => {
  const port = () => new URL(vendor.url).port;

  test.each([
    "http://127.0.0.1",
    "http://2130706433",
    "http://0x7f.1",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://017700000001",
    "http://127.1",
    "http://127.0.0.1.",
    "http://１２７.0.0.1",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[0:0:0:0:0:0:0:1]",
    "http://[64:ff9b::127.0.0.1]",
    "http://localhost",
    "http://LOCALHOST",
    "http://api.openai.com@127.0.0.1",
    "http://a:b@localhost",
    "http://169.254.169.254",
    "http://metadata.google.internal",
    "http://metadata.google.internal.",
    "http://0.0.0.0",
    "http://0",
    "http://[::]",
    "https://127.0.0.1",
    "https://10.0.0.1",
  ])("to %s is refused, and nobody is called", async (origin) => {
    const before = vendor.calls.length;
    const error = await open(`${origin}:${port()}/v1`, publicGuard).catch((reason: unknown) => reason);
    // The platform's fetch takes no user name in an address, and says so before a connection is thought of.
    if (origin.includes("@") && open === fetchThrough) expect(error).toBeInstanceOf(Error);
    else expect(error).toMatchObject(refused);
    expect(vendor.calls).toHaveLength(before);
  });

  test("all refusals read the same: what is there is not told", async () => {
    const closed = await open("http://127.0.0.1:49151/", publicGuard).catch(String);
    const inUse = await open(vendor.url, publicGuard).catch(String);
    const metadata = await open("http://169.254.169.254/", publicGuard).catch(String);
    expect(new Set([closed, inUse, metadata]).size).toBe(1);
    expect(inUse).not.toMatch(/127\.0\.0\.1|ECONN/);
  });

  test("a name that is public when it is looked at and private when it is called is refused", async () => {
    const answers = ["93.184.216.34", "127.0.0.1"];
    const guard = createGuard({ reach: () => "public", lookup: resolving(() => [answers.shift() ?? "127.0.0.1"]) });
    await lookedUp(guard, "rebinding.example"); // whoever asks first is told of the public one
    const before = vendor.calls.length;
    await expect(open(`http://rebinding.example:${port()}/`, guard)).rejects.toMatchObject(refused);
    expect(vendor.calls).toHaveLength(before);
  });

  test("a zone does not hide a link-local address", async () => {
    const guard = createGuard({ reach: () => "private", lookup: resolving(() => ["fe80::1%lo"]) });
    await expect(open(`http://zone.example:${port()}/`, guard)).rejects.toMatchObject(refused);
  });
});

describe.each(doors)("%s of an administrator", (name, open) => {
  test("reaches private addresses, by number and by name", async () => {
    for (const host of ["127.0.0.1", "localhost"]) {
      const url = `http://${host}:${await portFor(name)}/`;
      await expect(open(url, administratorsGuard)).resolves.toBeDefined();
    }
  });

  test.each([
    "http://169.254.169.254/latest/meta-data",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://100.100.100.200/",
    "http://0.0.0.0/",
    "http://255.255.255.255/",
    "http://224.0.0.1/",
    "http://metadata.google.internal/",
  ])("never reaches %s", async (url) => {
    await expect(open(url, administratorsGuard)).rejects.toMatchObject(refused);
  });
});

/** The vendor's own port for what is HTTP, that of a WebSocket server for a WebSocket. */
async function portFor(door: string): Promise<string> {
  if (door !== "a WebSocket") return new URL(vendor.url).port;
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  sockets.push(server);
  return String((server.address() as { readonly port: number }).port);
}

const sockets: WebSocketServer[] = [];
afterAll(() => {
  for (const server of sockets) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

describe("a name with several addresses", () => {
  test("is called at those that may be called", async () => {
    const both = ["169.254.169.254", "93.184.216.34"];
    const guard = createGuard({ reach: () => "public", lookup: resolving(() => both) });
    expect(await lookedUp(guard, "two.example")).toEqual(["93.184.216.34"]);
  });

  test("none of which may be is refused", async () => {
    const guard = createGuard({ reach: () => "public", lookup: resolving(() => ["10.0.0.1", "fd00::1"]) });
    await expect(lookedUp(guard, "two.example")).rejects.toMatchObject(refused);
  });
});

test("the reach is asked for at each connection", async () => {
  let reach: Reach = "private";
  const guard = createGuard({ reach: () => reach });
  await fetchThrough(vendor.url, guard);
  reach = "public";
  await expect(fetchThrough(vendor.url, guard)).rejects.toMatchObject(refused);
});

describe("the allow-list", () => {
  const guardWith = (...entries: string[]) =>
    createGuard({ reach: () => "public", allowed: allowedAddresses(entries), lookup: resolving(() => ["10.1.2.3"]) });

  test.each([["10.1.2.3"], ["10.1.0.0/16"], ["ollama.internal"], ["OLLAMA.internal"], ["::ffff:10.1.2.3"]])(
    "%s lets a name through that leads to 10.1.2.3",
    async (entry) => expect(await lookedUp(guardWith(entry), "Ollama.internal.")).toEqual(["10.1.2.3"]),
  );

  test.each([["10.2.0.0/16"], ["internal"], ["10.1.2.4"], ["fd00::/8"]])("%s does not", async (entry) => {
    await expect(lookedUp(guardWith(entry), "ollama.internal")).rejects.toMatchObject(refused);
  });

  test("does not open what is forbidden to all", async () => {
    const allowed = allowedAddresses(["169.254.0.0/16", "metadata.google.internal", "rebound.example"]);
    const guard = createGuard({ reach: () => "public", allowed, lookup: resolving(() => ["169.254.169.254"]) });
    expect(() => guard.check("169.254.169.254")).toThrow(expect.objectContaining(refused));
    expect(() => guard.check("metadata.google.internal")).toThrow(expect.objectContaining(refused));
    await expect(lookedUp(guard, "rebound.example")).rejects.toMatchObject(refused);
  });

  test.each(["10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/", "a b", "host/8", "http://a", "fd00::/129", "-"])(
    "%s is no entry",
    (entry) => expect(() => allowedAddresses([entry])).toThrow(RangeError),
  );
});

/** A resolver whose answers may change. */
function resolving(answer: () => readonly string[]): LookupFunction {
  return (_, __, callback) =>
    callback(
      null,
      answer().map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
}

function lookedUp(guard: Guard, host: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    guard.lookup(host, { all: true }, (error, found) => {
      if (error) reject(error);
      else resolve((found as { readonly address: string }[]).map(({ address }) => address));
    });
  });
}
