import { expect, test } from "vitest";
import { reachOfRequests } from "../../src/upstream/guard-reach.ts";

const developers = { host: "127.0.0.1", hasTokens: false, allowPrivate: false };

test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"])(
  "a server on %s without tokens is a developer's own",
  (host) => {
    expect(reachOfRequests({ ...developers, host })).toBe("private");
    expect(reachOfRequests({ ...developers, host, hasTokens: true })).toBe("public");
  },
);

test.each(["0.0.0.0", "::", "192.168.1.5", "10.0.0.1", "example.com", "localhost.example.com", "127.example.com", ""])(
  "a server on %s is not",
  (host) => {
    expect(reachOfRequests({ ...developers, host })).toBe("public");
    expect(reachOfRequests({ ...developers, host, hasTokens: true, allowPrivate: true })).toBe("private");
  },
);
